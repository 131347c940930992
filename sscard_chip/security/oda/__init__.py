# SPDX-License-Identifier: Apache-2.0
"""Offline data authentication: certificates and signatures of a bank card (EMV book 2, 5 and 6).

A certification authority certifies the issuer's key (90), the issuer either signs the card's
static data (93, SDA) or certifies the card's own key over them (9F46), with which the card signs
what the terminal asks (9F4B, DDA; fDDA without contacts). Two schemes with the same steps:
:data:`~sscard_chip.security.oda.schemes.SCHEMES` has RSA, where a signature contains what it
signs, and SM2 of PBOC 3.0, where it follows in the clear.

The card needs one step of them, the dynamic signature; issuers make, terminals check.
"""
