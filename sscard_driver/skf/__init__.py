# SPDX-License-Identifier: Apache-2.0
"""libsscard_skf.so: the certificate application behind the interface of GM/T 0016 (SKF).

One device, the card of the configuration; in it one application and one container, whose pairs
are those of the card. What a card of this kind cannot do is not exported.
"""

__all__ = ["codes", "functions"]
