# SPDX-License-Identifier: Apache-2.0
"""Writes ``vectors/files/generation{1,2,3}.json``, every EF with sample values and record bytes,
and ``vectors/holders/generation{1,2,3}.json``, the invented holders who have these values.

The tables are transcribed by hand from the published file structures (letter no. 37 of 2012 for
2.0, what later papers say of LB002-2000 for 1.0) and the encoder is its own, so that the vectors
owe nothing to the profiles and the codec they test. All values are invented.

Run ``python vectors/make_files.py`` after a change; a test compares the files with the tables.

Columns: DF ; EF ; structure ; read ; write ; records tag/length+format, ``n*`` repeated records,
``?`` inferred. Lengths and tags are hexadecimal. ``var`` and ``fix`` linear TLV, ``cyc n`` cyclic
with n records of raw fields, ``bin`` transparent of that size, ``amt`` internal amounts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent

TABLE_1: Final = """
SSSE;EF05;var;free;key 04;01/10cn 02/01an 03/04an 04/0Ccn 05/04cn 06/04cn 07/09an
SSSE;EF06;var;free;key 04;08/12an 09/1Ean 0A/01an 0B/01cn 0C/03cn 0D/04cn
SSSE;EF07;bin;free;key 04;300
DF01;EF05;var;PIN;key 83;20/01an 21/50an
DF01;EF06;var;PIN;key 86;26/50an? 27/06an? 28/0Fan
DF01;EF07;fix;PIN or key 84;key 84;29/01an 2A/01cn
DF01;EF08;var;PIN;key 85;2B/01an
DF01;EF09;var;PIN or key 84;key 84;2E/46an 30/09an 31/02an? 32/03an
DF01;EF0A;fix;PIN;key 87;37/04cn 38/04cn 39/04cn
DF02;EF05;var;PIN or key 83;key 83;2*40/34b 42/03an 2*43/1Db
DF02;EF06;var;PIN or key 84;key 84;3A/07an 4B/04cn 4C/04cn 4D/04cn 4F/04cn 50/04cn 60/04cn
DF02;EF07;cyc 4;PIN or key 85;key 85;07an 04cn 04cn 46an
DF02;EF08;var;PIN or key 86;key 86;
DF02;EF09;var;PIN or key 87;key 87;55/0Acn 56/46an 96/04cn 97/04cn
DF03;EF05;var;PIN and key 85;key 86;61/04cn 62/04cn 63/03an 64/03an 65/03an 66/03an 98/04cn
DF03;EF06;var;PIN;key 87;67/04cn 68/01an? 6B/3Can
DF03;EF07;var;PIN and key 84;key 88;6C/04cn 6D/04cn? 6E/04cn 6F/04cn 70/03an \
71/04cn 72/04cn? 73/04cn
DF04;EF05;var;PIN;key 85;80/04cn 81/46an 83/09an 84/46an 86/09an \
87/46an 89/09an 8A/0Fan 8B/0Aan 8C/01cn 8F/01an
DF04;EF06;fix;PIN and key 84;key 86;90/04cn 92/04cn 93/04cn
"""

_COMMON: Final = """
DF01;EF05;var;PIN or key 88;key 83;20/02an 21/50an 0E/03cn
DF01;EF06;var;PIN or key 88;key 86;23/50an 24/03cn 28/0Fan 2C/32an 2D/0Fan
DF01;EF07;var;PIN or key 88;key 84;29/01an
DF01;EF08;var;PIN or key 88;key 85;2B/01an
DF01;EF09;var;PIN or key 88;key 84;2E/46an 30/09an 32/02an
DF01;EF0A;var;PIN or key 88;key 87;37/03an 38/02an 39/04cn
DF01;EF15;var;PIN or key 88;key 89;2A/01cn 3*40/34b
DF01;EF16;bin;free;key 8A;128
DF01;EF17;bin;free;key 8B;128
DF01;EF18;bin;free;key 8C;128
DF01;EF19;bin;free;key 8D;128
DF01;EF1A;bin;free;key 8E;128
DF02;EF05;var;PIN or key 88;key 83;42/03an 41/03an 2*43/6Cb 2*44/65b
DF02;EF06;var;PIN or key 88;key 84;4C/04cn 4B/05an 4D/03cn 60/04cn 4F/06an 50/03cn 3A/07an
DF02;EF07;cyc 4;PIN or key 88;key 85;07an 04cn 04cn 46an
DF02;EF09;var;PIN or key 88;key 86;55/10an 56/46an 96/04cn 97/03cn
DF02;EF15;var;PIN or key 88;key 87;4*99/10b 0F/04cn 1F/03cn
DF02;EF16;cyc 4;PIN or key 88;key 89;03an 04cn 04cn 04cn 03cn
DF03;EF05;var;PIN or key 85;key 86;61/03cn 98/04cn 62/04cn 63/03an 64/03an 65/03an 66/03an
DF03;EF06;var;PIN or key 84;key 87;45/14an 46/02an 47/02an 48/01an 49/01an 67/04cn 6B/3Can 3*4A/61b
DF03;EF07;var;PIN or key 84;key 88;70/03an 71/03cn 6E/04cn 6C/04cn 6F/04cn 73/04cn
DF03;EF15;var;PIN or key 84;key 89;7A/03cn 7B/04cn 7C/04cn
DF03;EF16;var;PIN or key 84;key 8A;51/03cn 5F/01an
DF03;EF17;var;PIN or key 84;key 8B;3B/14an 3C/46an 3D/01an 3E/04cn 3F/3Can
DF03;EF18;var;PIN or key 84;key 8C;74/03an 75/03cn 76/01cn 77/04cn 78/04cn
DF03;EF19;fix;PIN or key 84;key 8D;4*79/27b
DF04;EF05;var;PIN or key 84;key 85;81/08an 84/03cn 87/11an 8C/01cn 80/04cn \
8B/1Dan 8A/0Fan 83/09an 86/09an 89/09an 7D/09an 7E/09an 7F/09an 8D/09an 8E/09an 8F/01an
DF04;EF06;var;PIN and key 84;key 86;90/01an 92/04cn 93/02an
DF04;EF08;cyc 30;PIN;never;02b 01an 06cn 07cn 04b 04b 04b
DF04;EF15;cyc 8;PIN or key 84;key 86;02b 01an
DF04;EF81;amt;never;never;14
DF07;EF05;var;key 83;key 86;F0/02an F1/01an F2/04cn F3/03an F4/04cn
DF07;EF06;var;key 84;key 87;F5/03an F6/04cn F7/46an
DF07;EF07;var;key 85;key 88;F8/04cn F9/01an
"""

_ENVIRONMENT: Final = """
SSSE;EF05;var;free;key 04;01/10cn 02/01an 03/04an 04/0Ccn 05/04cn 06/04cn 07/09an
SSSE;EF06;var;{read};key 04;08/12an 09/1Ean 4E/14an 0A/01an 0B/01cn 0C/03cn 0D/04cn
SSSE;EF07;bin;key 0A;key 04;300
SSSE;EF08;bin;key 0A;key 04;1000
"""

TABLES: Final = {
    1: TABLE_1,
    2: _ENVIRONMENT.format(read="free") + _COMMON,
    3: _ENVIRONMENT.format(read="key 0A") + _COMMON,
}

_NESTED_COMMON: Final = {
    "40": "57/03an 58/03cn 59/28an",
    "44": "33/03an 34/46an 35/04cn 36/10an",
    "99": "10/03an 11/04cn 12/03cn",
    "4A": "13/02an 14/01an 15/14an 16/04cn 17/3Can",
    "79": "18/03an 19/03cn 1A/04cn 1B/04cn 1C/04cn 1D/03an 1E/04cn",
}
NESTED: Final = {
    1: _NESTED_COMMON | {"43": "5A/07an 5B/01an 5C/09an 5D/04cn"},
    2: _NESTED_COMMON | {"43": "5A/07an 5B/01an 5C/46an 5D/04cn 5E/10an"},
    3: _NESTED_COMMON | {"43": "5A/07an 5B/01an 5C/46an 5D/04cn 5E/10an"},
}

# fmt: off
# Values as a person writes them, invented.
SAMPLES: Final[dict[str, str]] = {
    "01": "639900D156000005000000070A0B0C0D", "02": "3", "03": "2.00",
    "04": "915600000263990063990101", "05": "20180601", "06": "20380601", "07": "Z00000013",
    "08": "990000199912310029", "09": "林测试", "4E": "", "0A": "2", "0B": "01",
    "0C": "639900", "0D": "19991231",
    "20": "11", "21": "虚构省示例市测试区一号路12号", "0E": "639900",
    "23": "虚构省示例市测试区二号路8号301室", "24": "639901", "28": "010-55550100",
    "2C": "林样本", "2D": "010-55550101",
    "26": "虚构省示例市测试区三号路5号", "27": "100000",
    "29": "1", "2B": "1", "2E": "示例机械厂", "30": "12345678X", "31": "20", "32": "80",
    "37": "CHN", "38": "13", "39": "20100701",
    "2A": "21", "57": "3", "58": "080600", "59": "示例大学",
    "42": "023", "41": "3",
    "5A": "2020100", "5B": "3", "5C": "示例市鉴定中心", "5D": "20150909", "5E": "1500000000000001",
    "33": "001", "34": "示例技工学校", "35": "20160315", "36": "PX20160000000001",
    "4C": "20180702", "4B": "11002", "4D": "639900", "60": "20170131", "4F": "110203",
    "50": "639902", "3A": "2020100",
    "55": "6399000018000012", "56": "示例市就业服务中心", "96": "20180710", "97": "639900",
    "10": "101", "11": "20190101", "12": "639900", "0F": "20191231", "1F": "639903",
    "61": "639900", "98": "20170201", "62": "20170301", "63": "120", "64": "108", "65": "24",
    "66": "2",
    "45": "JD20190007", "46": "01", "47": "10", "48": "4", "49": "2", "67": "20190305",
    "6B": "示例市劳动能力鉴定委员会", "68": "2",
    "13": "02", "14": "1", "15": "PJ20190008", "16": "20190306", "17": "示例市配置机构",
    "70": "110", "71": "639900", "6E": "20060101", "6C": "20591231", "6F": "20600101",
    "73": "20200102", "6D": "00123456", "72": "00654321",
    "7A": "639900", "7B": "20080101", "7C": "20081231",
    "51": "639900", "5F": "0",
    "3B": "GS20200009", "3C": "示例机械厂", "3D": "1", "3E": "20200202",
    "3F": "右手食指擦伤",
    "74": "410", "75": "639900", "76": "50", "77": "20200303", "78": "20250303",
    "18": "110", "19": "639900", "1A": "20060101", "1B": "20181231", "1C": "00987654",
    "1D": "156", "1E": "20190110",
    "81": "31010000", "84": "639900", "87": "JK639900000000012", "8C": "11", "80": "20060201",
    "8B": "63990000000000000000000000012", "8A": "YL6399000012", "83": "H6399-001",
    "86": "H6399-002", "89": "H6399-003", "7D": "G6399-001", "7E": "G6399-002",
    "7F": "G6399-003", "8D": "S6399-001", "8E": "S6399-002", "8F": "2",
    "90": "1", "92": "00012345", "93": "03",
    "F0": "01", "F1": "2", "F2": "20110501", "F3": "101", "F4": "20110601",
    "F5": "201", "F6": "20120601", "F7": "示例研究院", "F8": "20130801", "F9": "2",
}

# What 1.0 holds otherwise: amounts in fen where 2.0 has codes, shorter and longer fields.
SAMPLES_1: Final[dict[str, str]] = {
    "03": "1.00", "20": "1", "32": "110", "37": "00350000", "38": "04200000", "39": "20080101",
    "5C": "12345679X", "4B": "20060701", "4D": "20060705", "4F": "20161231", "50": "20060701",
    "55": "63990000180000120000", "56": "示例市劳动局", "97": "20280710", "61": "00120000",
    "71": "00765432", "6F": "20091231", "70": "156",
    "81": "示例第一医院", "84": "示例第二医院", "87": "示例第三医院", "8B": "6399000012",
    "8F": "1", "90": "00054321", "92": "00002000", "93": "00003000",
}
SAMPLES_3: Final[dict[str, str]] = {
    "03": "3.00", "09": "欧阳测试的一个特别特别长的名字", "4E": "续写部分",
}

# fmt: on
# What tells repeated records apart, by tag of the record and of the item inside.
REPEATED: Final = {
    "40/57": ["3", "2", "1"],
    "43/5B": ["3", "2"],
    "44/33": ["001", "002"],
    "99/10": ["101", "102", "103", "104"],
    "4A/13": ["02", "03", "04"],
    "79/18": ["110", "310", "210", "510"],
}

CYCLIC: Final = {
    "DF02 EF07": ["2020100", "20150301", "20180630", "示例机械厂"],
    "DF02 EF16": ["101", "20190101", "20190201", "20191231", "639900"],
    "DF04 EF08": [
        "0005",
        "2",
        "330400815985",
        "20151118185001",
        "00000000",
        "000003E8",
        "000001F4",
    ],
    "DF04 EF15": ["0005", "1"],
}

# The beginning of transparent files; a photo begins as JPEG does.
BINARY: Final = {"": "A1B2C3D4E5F60718", "EF08": "FFD8FFE000104A46"}

HOLDER: Final = {
    "social_security_number": "08",
    "sex": "0A",
    "nation": "0B",
    "birthplace": "0C",
    "birth_date": "0D",
    "card_number": "07",
    "card_class": "02",
    "issue_date": "05",
    "expiry_date": "06",
}
CITY: Final = "639900"
PIN: Final = "135790"

STRUCTURES: Final = {
    "var": "linear variable",
    "fix": "linear fixed",
    "cyc": "cyclic",
    "bin": "transparent",
    "amt": "internal amount",
}

_ITEM: Final = re.compile(r"(?:(\d)\*)?(?:([0-9A-F]{2})/)?([0-9A-F]{2})(cn|an|b)(\??)")


def encode(kind: str, length: int, value: str) -> bytes:
    """A value's bytes: cn digits and F nibbles, an GBK and 00, b hexadecimal."""
    if kind == "cn":
        return bytes.fromhex(value + "F" * (2 * length - len(value)))
    data = bytes.fromhex(value) if kind == "b" else value.encode("gbk")
    if len(data) > length or (kind == "b" and len(data) != length):
        raise ValueError(f"{value!r} does not fit {length} bytes")
    return data + bytes(length - len(data))


def sample(generation: int, tag: str) -> str:
    """The sample value of a tag on a generation."""
    return {1: SAMPLES_1, 2: {}, 3: SAMPLES_3}[generation].get(tag) or SAMPLES[tag]


def record(
    generation: int, tag: str, length: int, kind: str, inferred: bool, value: str = "", nth: int = 0
) -> dict[str, Any]:
    """One linear record: a simple TLV, or a template of them, the ``nth`` with this tag."""
    out: dict[str, Any] = {"tag": tag, "format": kind, "length": length}
    if inferred:
        out["inferred"] = True
    if kind == "b":
        inner = []
        for match in _ITEM.finditer(NESTED[generation][tag]):
            own = REPEATED.get(f"{tag}/{match[2]}", [""] * (nth + 1))[nth]
            inner.append(
                record(generation, match[2], int(match[3], 16), match[4], False, value=own)
            )
        body = b"".join(bytes.fromhex(item["bytes"]) for item in inner)
        out |= {"format": "B-TLV", "items": inner}
    else:
        value = value or sample(generation, tag)
        body = encode(kind, length, value)
        out["value"] = value
    if len(body) != length:
        raise ValueError(f"tag {tag}: {len(body)} bytes instead of {length}")
    out["bytes"] = (bytes((int(tag, 16), length)) + body).hex().upper()
    return out


def file_vector(generation: int, row: str) -> tuple[str, dict[str, Any]]:
    """The directory and the vector of one row."""
    directory, fid, structure, read, write, content = row.split(";")
    kind, _, count = structure.partition(" ")
    out: dict[str, Any] = {
        "fid": fid,
        "structure": STRUCTURES[kind],
        "read": read,
        "write": write,
    }
    if kind in ("bin", "amt"):
        out["size"] = int(content, 16)
        if kind == "bin":
            out["bytes"] = BINARY.get(fid, BINARY[""])
    elif kind == "cyc":
        fields, body = [], b""
        values = CYCLIC[f"{directory} {fid}"]
        for match, value in zip(_ITEM.finditer(content), values, strict=True):
            length = int(match[3], 16)
            data = encode(match[4], length, value)
            fields.append({"format": match[4], "length": length, "value": value})
            body += data
        out |= {"records": int(count), "fields": fields, "bytes": body.hex().upper()}
    else:
        records = []
        for match in _ITEM.finditer(content):
            tag, length = match[2], int(match[3], 16)
            for nth in range(int(match[1] or 1)):
                records.append(record(generation, tag, length, match[4], bool(match[5]), nth=nth))
        out |= {"size": sum(len(r["bytes"]) // 2 for r in records), "records": records}
    return directory, out


def vectors(generation: int) -> dict[str, Any]:
    """The whole file of one generation."""
    directories: dict[str, list[dict[str, Any]]] = {}
    for row in TABLES[generation].split("\n"):
        if row:
            directory, vector = file_vector(generation, row)
            directories.setdefault(directory, []).append(vector)
    return {
        "format": "sscard-files/1",
        "generation": generation,
        "source": (
            "file structure of LB002-2000 as later papers give it"
            if generation == 1
            else "letter no. 37 of 2012, file structure V2.0"
        )
        + "; values invented, bytes computed by vectors/make_files.py",
        "confidence": "M" if generation == 1 else "H",
        "directories": directories,
    }


def _holder_value(item: dict[str, Any]) -> Any:
    if "items" in item:
        return {inner["tag"]: _holder_value(inner) for inner in item["items"]}
    return item["value"]


def _holder_file(vector: dict[str, Any]) -> Any:
    """A file's content as a holder file gives it."""
    if "fields" in vector:
        return [[field["value"] for field in vector["fields"]]]
    if "records" not in vector:
        return vector["bytes"]
    content: dict[str, Any] = {}
    for item in vector["records"]:
        content.setdefault(item["tag"], []).append(_holder_value(item))
    return {tag: values[0] if len(values) == 1 else values for tag, values in content.items()}


def holder(generation: int) -> dict[str, Any]:
    """The holder file with the sample values."""
    files: dict[str, dict[str, Any]] = {}
    for directory, vectors_ in vectors(generation)["directories"].items():
        for vector in vectors_:
            own = directory == "SSSE" and vector["fid"] in ("EF05", "EF06")
            empty = vector["structure"] == "internal amount" or vector.get("records") == []
            if not (own or empty):
                files.setdefault(directory, {})[vector["fid"]] = _holder_file(vector)
    name = sample(generation, "09") + (sample(generation, "4E") if generation > 1 else "")
    fields = {field: sample(generation, tag) for field, tag in HOLDER.items()}
    return {"name": name, **fields, "city": CITY, "pin": PIN, "files": files}


def dump(value: Any, indent: int = 0) -> str:
    """JSON with everything that fits on one line on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(line) + indent <= 110:
        return line
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        parts = [f"{pad}{json.dumps(k)}: {dump(v, indent + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(pad + dump(v, indent + 1) for v in value) + "\n" + " " * indent + "]"


def main() -> None:
    """Write the files."""
    for generation in TABLES:
        for folder, content in (("files", vectors(generation)), ("holders", holder(generation))):
            path = HERE / folder / f"generation{generation}.json"
            path.write_text(dump(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
