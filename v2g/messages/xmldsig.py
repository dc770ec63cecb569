"""XML Signature (``http://www.w3.org/2000/09/xmldsig#``), the types that every V2G schema set but appproto contains.

V2G messages use SignedInfo, Reference, SignatureValue and little else; the rest is here because it counts in the
grammar (element numbering, widths of event codes). Foreign elements, which the schema allows in many places, are
refused by the codec, as every peer does.
"""

from typing import Annotated, ClassVar

from exi.schema import (
    ID,
    Attr,
    Binary,
    Choice,
    Declarer,
    Integer,
    Item,
    Particle,
    Sequence,
    Text,
    Together,
    Type,
    Wildcard,
    anyURI,
    base64Binary,
    integer,
    occurs,
    string,
)

NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"

CryptoBinary = Annotated[bytes, Binary("base64")]
DigestValueType = Annotated[bytes, Binary("base64")]
HMACOutputLengthType = Annotated[int, Integer()]


class _Type(Type, ns=NAMESPACE, attribute_form=False):
    xml_virtual: ClassVar[bool] = True


class SignatureValueType(_Type):
    Id: Attr[ID | None] = None
    value: Text[base64Binary]


class CanonicalizationMethodType(_Type, mixed=True):
    Algorithm: Attr[anyURI]

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Wildcard(0, None)


class SignatureMethodType(_Type, mixed=True):
    Algorithm: Attr[anyURI]
    HMACOutputLength: HMACOutputLengthType | None = None

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Sequence((element("HMACOutputLength", HMACOutputLengthType, 0, 1), Wildcard(0, None)))


class DigestMethodType(_Type, mixed=True):
    Algorithm: Attr[anyURI]

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Wildcard(0, None)


class TransformType(_Type, mixed=True):
    """``content``: XPath expressions (str)."""

    Algorithm: Attr[anyURI]
    content: list[Item] = []

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Choice((Wildcard(), element("XPath", string)), 0, None)


class TransformsType(_Type):
    Transform: Annotated[list[TransformType], occurs(1)]


class ReferenceType(_Type):
    Id: Attr[ID | None] = None
    URI: Attr[anyURI | None] = None
    Type: Attr[anyURI | None] = None
    Transforms: TransformsType | None = None
    DigestMethod: DigestMethodType
    DigestValue: DigestValueType


class SignedInfoType(_Type):
    Id: Attr[ID | None] = None
    CanonicalizationMethod: CanonicalizationMethodType
    SignatureMethod: SignatureMethodType
    Reference: Annotated[list[ReferenceType], occurs(1)]


class DSAKeyValueType(_Type):
    P: Together[CryptoBinary] = None
    Q: Together[CryptoBinary] = None
    G: CryptoBinary | None = None
    Y: CryptoBinary
    J: CryptoBinary | None = None
    Seed: Together[CryptoBinary] = None
    PgenCounter: Together[CryptoBinary] = None


class RSAKeyValueType(_Type):
    Modulus: CryptoBinary
    Exponent: CryptoBinary


class KeyValueType(_Type, mixed=True):
    DSAKeyValue: DSAKeyValueType | None = None
    RSAKeyValue: RSAKeyValueType | None = None

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Choice((element("DSAKeyValue"), element("RSAKeyValue"), Wildcard()))


class RetrievalMethodType(_Type):
    URI: Attr[anyURI | None] = None
    Type: Attr[anyURI | None] = None
    Transforms: TransformsType | None = None


class X509IssuerSerialType(_Type):
    X509IssuerName: string
    X509SerialNumber: integer


class X509DataType(_Type):
    """``content``: X509IssuerSerial, X509SKI (bytes), X509SubjectName (str), X509Certificate and X509CRL (bytes)."""

    content: list[Item]

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        branches = (
            element("X509IssuerSerial", X509IssuerSerialType),
            element("X509SKI", base64Binary),
            element("X509SubjectName", string),
            element("X509Certificate", base64Binary),
            element("X509CRL", base64Binary),
            Wildcard(),
        )
        return Sequence((Choice(branches),), 1, None)


class PGPDataType(_Type):
    PGPKeyID: base64Binary | None = None
    PGPKeyPacket: base64Binary | None = None

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        by_id = (element("PGPKeyID", base64Binary), element("PGPKeyPacket", base64Binary, 0, 1), Wildcard(0, None))
        by_packet = (element("PGPKeyPacket", base64Binary), Wildcard(0, None))
        return Choice((Sequence(by_id), Sequence(by_packet)))


class SPKIDataType(_Type):
    """``content``: SPKISexp (bytes)."""

    content: list[Item]

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Sequence((element("SPKISexp", base64Binary), Wildcard(0, 1)), 1, None)


class KeyInfoType(_Type, mixed=True):
    """``content``: KeyName and MgmtData (str), KeyValue, RetrievalMethod, X509Data, PGPData, SPKIData."""

    Id: Attr[ID | None] = None
    content: list[Item]

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        names = ("KeyName", "KeyValue", "RetrievalMethod", "X509Data", "PGPData", "SPKIData", "MgmtData")
        return Choice((*(element(name) for name in names), Wildcard()), 1, None)


class ObjectType(_Type, mixed=True):
    Id: Attr[ID | None] = None
    MimeType: Attr[string | None] = None
    Encoding: Attr[anyURI | None] = None

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Sequence((Wildcard(),), 0, None)


class SignatureType(_Type):
    Id: Attr[ID | None] = None
    SignedInfo: SignedInfoType
    SignatureValue: SignatureValueType
    KeyInfo: KeyInfoType | None = None
    Object: Annotated[list[ObjectType], occurs(0)] = []


class ManifestType(_Type):
    Id: Attr[ID | None] = None
    Reference: Annotated[list[ReferenceType], occurs(1)]


class SignaturePropertyType(_Type, mixed=True):
    Target: Attr[anyURI]
    Id: Attr[ID | None] = None

    @staticmethod
    def content_model(element: Declarer) -> Particle:
        return Choice((Wildcard(),), 1, None)


class SignaturePropertiesType(_Type):
    Id: Attr[ID | None] = None
    SignatureProperty: Annotated[list[SignaturePropertyType], occurs(1)]


ELEMENTS = tuple(
    (f"{{{NAMESPACE}}}{name}", type_, None)
    for name, type_ in {
        "CanonicalizationMethod": CanonicalizationMethodType,
        "DSAKeyValue": DSAKeyValueType,
        "DigestMethod": DigestMethodType,
        "DigestValue": DigestValueType,
        "KeyInfo": KeyInfoType,
        "KeyName": string,
        "KeyValue": KeyValueType,
        "Manifest": ManifestType,
        "MgmtData": string,
        "Object": ObjectType,
        "PGPData": PGPDataType,
        "RSAKeyValue": RSAKeyValueType,
        "Reference": ReferenceType,
        "RetrievalMethod": RetrievalMethodType,
        "SPKIData": SPKIDataType,
        "Signature": SignatureType,
        "SignatureMethod": SignatureMethodType,
        "SignatureProperties": SignaturePropertiesType,
        "SignatureProperty": SignaturePropertyType,
        "SignatureValue": SignatureValueType,
        "SignedInfo": SignedInfoType,
        "Transform": TransformType,
        "Transforms": TransformsType,
        "X509Data": X509DataType,
    }.items()
)
"""Every global element of the namespace; part of each schema set with signatures."""
