# SPDX-License-Identifier: Apache-2.0
"""A pharmacy's program, written from the pages of the interface alone: nothing of ours in it.

It builds its messages, signs them for the CSB gateway, keeps its own book and makes its detail
file, as programs of the field do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import time
import urllib.error
import urllib.request
import zipfile
from http.client import HTTPException
from itertools import count
from typing import Any

Answer = dict[str, Any]


class LostError(Exception):
    """No answer, or none that can be read: what was done is not known."""


class Program:
    """One till of an institution; ``sales`` is its own book."""

    def __init__(self, url: str, institution: str, first: int = 1) -> None:
        self.url = url
        self.institution = institution
        self.sign_no = ""
        self.sales: list[Answer] = []
        self.sent: list[str] = []
        self._sequence = count(first)

    # --- sending -------------------------------------------------------------------------------

    def message(self, infno: str, node: Answer, msgid: str | None = None) -> Answer:
        now = time.localtime()
        number = f"{next(self._sequence):04d}"
        return {
            "infno": infno,
            "msgid": msgid or self.institution + time.strftime("%Y%m%d%H%M%S", now) + number,
            "mdtrtarea_admvs": "510100",
            "insuplc_admdvs": "510100",
            "recer_sys_code": "99",
            "dev_no": "null",
            "dev_safe_info": "null",
            "cainfo": "null",
            "signtype": "",
            "infver": "V1.0",
            "opter_type": "1",
            "opter": "001",
            "opter_name": "张收费",
            "inf_time": time.strftime("%Y-%m-%d %H:%M:%S", now),
            "fixmedins_code": self.institution,
            "fixmedins_name": "虚构大药房",
            "sign_no": self.sign_no,
            "input": node,
        }

    def headers(self, infno: str) -> dict[str, str]:
        signed = {
            "_api_access_key": "AK",
            "_api_name": infno,
            "_api_timestamp": str(int(time.time() * 1000)),
            "_api_version": "1.0.0",
        }
        text = "&".join(f"{name}={value}" for name, value in signed.items())
        proof = hmac.new(b"SK", text.encode(), hashlib.sha1).digest()
        return signed | {"_api_signature": base64.b64encode(proof).decode()}

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[str, bytes]:
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.headers["Content-Type"], response.read()
        except (urllib.error.URLError, HTTPException, OSError) as error:
            raise LostError(str(error)) from None

    def send(self, message: Answer) -> Answer:
        """The answer to a message, whatever it says."""
        self.sent.append(message["msgid"])
        headers = self.headers(message["infno"]) | {"Content-Type": "text/plain"}
        body = json.dumps(message, ensure_ascii=False).encode()
        _, content = self.post("/fsi/api/rsfComIfsService/callService", body, headers)
        try:
            answer: Answer = json.loads(content)
        except ValueError:
            raise LostError("cut") from None
        return answer

    def ask(self, infno: str, node: Answer) -> Answer:
        answer = self.send(self.message(infno, node))
        assert answer["infcode"] == 0, answer["err_msg"]
        output: Answer = answer["output"]
        return output

    # --- the day -------------------------------------------------------------------------------

    def sign_in(self) -> None:
        node = {"signIn": {"opter_no": "001", "mac": "00-00", "ip": "10.0.0.1"}}
        self.sign_no = self.ask("9001", node)["signinoutb"]["sign_no"]

    def sign_out(self) -> None:
        self.ask("9002", {"signOut": {"sign_no": self.sign_no, "opter_no": "001"}})

    def person(self, certno: str) -> Answer:
        data = {"mdtrt_cert_type": "02", "mdtrt_cert_no": certno, "card_sn": "", "begntime": ""}
        return self.ask("1101", {"data": data})

    def bill(self, psn_no: str, certno: str, price: float) -> Answer:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        info = {
            "psn_no": psn_no, "mdtrt_cert_type": "02", "mdtrt_cert_no": certno, "begntime": now,
            "medfee_sumamt": price, "invono": "", "insutype": "310", "dise_codg": "",
            "dise_name": "", "acct_used_flag": "1", "med_type": "41",
        }  # fmt: skip
        line = {
            "feedetl_sn": "1", "rxno": "", "fee_ocur_time": now,
            "med_list_codg": "XZ99AAA0010101010200001", "medins_list_codg": "G1",
            "det_item_fee_sumamt": price, "cnt": 1, "pric": price, "prd_days": 0,
        }  # fmt: skip
        return {"druginfo": info, "drugdetail": [line]}

    def sell(self, psn_no: str, certno: str, price: float) -> Answer:
        node = self.bill(psn_no, certno, price)
        trial = self.ask("2101", node)["setlinfo"]
        assert float(trial["medfee_sumamt"]) == price
        message = self.message("2102", node)
        try:
            answer = self.send(message)
        except LostError:
            self.reverse(psn_no, message["msgid"], "2102")
            return {}
        assert answer["infcode"] == 0, answer["err_msg"]
        info: Answer = answer["output"]["setlinfo"]
        self.sales.append(info)
        return info

    def reverse(self, psn_no: str, msgid: str, infno: str) -> None:
        data = {"psn_no": psn_no, "omsgid": msgid, "oinfno": infno}
        message = self.message("2601", {"data": data})
        for _ in range(60):
            try:
                answer = self.send(message)  # the same message again is done once
            except LostError:
                time.sleep(0.5)
                continue
            assert answer["infcode"] == 0, answer["err_msg"]
            return
        raise LostError(infno)

    def cancel(self, sale: Answer) -> None:
        data = {name: sale[name] for name in ("psn_no", "setl_id", "mdtrt_id")}
        self.sales.append(self.ask("2103", {"data": data})["setlinfo"])

    # --- the evening ---------------------------------------------------------------------------

    def totals(self) -> str:
        def total(name: str) -> str:
            return f"{sum(round(float(one[name]) * 100) for one in self.sales) / 100:.2f}"

        today = time.strftime("%Y-%m-%d")
        net = sum(1 if float(one["medfee_sumamt"]) > 0 else -1 for one in self.sales)
        data = {
            "insutype": "310", "clr_type": "41", "setl_optins": "510100",
            "stmt_begndate": today, "stmt_enddate": today,
            "medfee_sumamt": total("medfee_sumamt"), "fund_pay_sumamt": total("fund_pay_sumamt"),
            "acct_pay": total("acct_pay"), "fixmedins_setl_cnt": net, "refd_setl_flag": "0",
        }  # fmt: skip
        result: str = self.ask("3201", {"data": data})["stmtinfo"]["stmt_rslt"]
        return result

    def details(self) -> list[list[str]]:
        """9101 with the detail file, 3202, 9102: the rows of the result."""
        rows = [
            "\t".join(
                (
                    one["setl_id"], one["mdtrt_id"], one["psn_no"], one["medfee_sumamt"],
                    one["fund_pay_sumamt"], one["acct_pay"],
                    "1" if float(one["medfee_sumamt"]) < 0 else "0",
                )
            )
            for one in self.sales
        ]  # fmt: skip
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("details.txt", "".join(f"{row}\n" for row in rows))
        up = self.upload(packed.getvalue())
        today = time.strftime("%Y-%m-%d")
        data = {
            "setl_optins": "510100", "file_qury_no": up["file_qury_no"], "stmt_begndate": today,
            "stmt_enddate": today, "medfee_sumamt": "0.00", "fund_pay_sumamt": "0.00",
            "cash_payamt": "0.00", "fixmedins_setl_cnt": "0", "clr_type": "41",
        }  # fmt: skip
        number = self.ask("3202", {"data": data})["fileinfo"]["file_qury_no"]
        node = {"file_qury_no": number, "filename": "x", "fixmedins_code": self.institution}
        message = self.message("9102", {"fsDownloadIn": node})
        kind, content = self.post(
            "/fileupload/download", json.dumps(message).encode(), self.headers("9102")
        )
        assert kind == "application/octet-stream"
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = archive.namelist()
            text = archive.read(name).decode()
        return [line.split("\t") for line in text.splitlines()]

    def upload(self, content: bytes) -> Answer:
        node = {"filename": "details.zip", "fixmedins_code": self.institution}
        message = self.message("9101", {"fsUploadIn": node})
        line = b"--BOUNDARY\r\nContent-Disposition: form-data; name="
        body = (
            line + b'"jsonStr"\r\n\r\n' + json.dumps(message).encode() + b"\r\n"
            + line + b'"file"; filename="details.zip"\r\n\r\n' + content
            + b"\r\n--BOUNDARY--\r\n"
        )  # fmt: skip
        kind = {"Content-Type": "multipart/form-data; boundary=BOUNDARY"}
        _, answer = self.post("/fileupload/upload", body, self.headers("9101") | kind)
        found: Answer = json.loads(answer)
        assert found["infcode"] == 0, found["err_msg"]
        output: Answer = found["output"]
        return output
