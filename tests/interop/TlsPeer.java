// A TLS 1.2 client or server on Java's own TLS: static ECDH and status_request_v2 are there, OpenSSL has neither.
//   client PORT ROOT.pem SUITE    checks the chain and, by stapled OCSP responses alone, its revocation; sends a line
//   server PORT KEYSTORE SUITE    PKCS#12 with the password "test"; sends a line back
import java.io.FileInputStream;
import java.net.URI;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.Set;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class TlsPeer {
    public static void main(String[] words) throws Exception {
        Security.setProperty("jdk.tls.disabledAlgorithms", ""); // static ECDH is off by default
        System.setProperty("jdk.tls.client.enableStatusRequestExtension", "true");
        int port = Integer.parseInt(words[1]);
        if (words[0].equals("client")) client(port, words[2], words[3]);
        else server(port, words[2], words[3]);
    }

    static void client(int port, String root, String suite) throws Exception {
        X509Certificate anchor;
        try (FileInputStream file = new FileInputStream(root)) {
            anchor = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(file);
        }
        var parameters = new PKIXBuilderParameters(Set.of(new TrustAnchor(anchor, null)), new X509CertSelector());
        var revocation = (PKIXRevocationChecker) CertPathBuilder.getInstance("PKIX").getRevocationChecker();
        revocation.setOptions(EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK));
        revocation.setOcspResponder(new URI("http://127.0.0.1:9/nobody"));
        parameters.setRevocationEnabled(false); // only by the checker
        parameters.addCertPathChecker(revocation);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(new CertPathTrustManagerParameters(parameters));
        SSLContext context = SSLContext.getInstance("TLSv1.2");
        context.init(null, trust.getTrustManagers(), null);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
            socket.setEnabledProtocols(new String[] {"TLSv1.2"});
            socket.setEnabledCipherSuites(new String[] {suite});
            socket.startHandshake();
            ExtendedSSLSession session = (ExtendedSSLSession) socket.getSession();
            System.out.println("agreed " + session.getCipherSuite() + " staples " + session.getStatusResponses().size());
            socket.getOutputStream().write("hello\n".getBytes());
            System.out.print("got " + new String(socket.getInputStream().readNBytes(6)));
        }
    }

    static void server(int port, String file, String suite) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(new FileInputStream(file), "test".toCharArray());
        KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
        managers.init(keys, "test".toCharArray());
        SSLContext context = SSLContext.getInstance("TLSv1.2");
        context.init(managers.getKeyManagers(), null, null);
        try (SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(port)) {
            listener.setEnabledProtocols(new String[] {"TLSv1.2"});
            listener.setEnabledCipherSuites(new String[] {suite});
            System.out.println("ready " + listener.getLocalPort());
            try (SSLSocket socket = (SSLSocket) listener.accept()) {
                byte[] line = socket.getInputStream().readNBytes(6);
                System.out.println("agreed " + socket.getSession().getCipherSuite());
                socket.getOutputStream().write(line);
                socket.getOutputStream().flush();
            }
        }
    }
}
