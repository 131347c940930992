# SPDX-License-Identifier: Apache-2.0
"""The four menus of D5 as data: each item, the operation behind it, and what it asks for.

An item that names an operation is shown where the channel of the region offers it; whether a
visitor may have it is for the service centre to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_service.pages.words import PageText

W = PageText

_NO_HINT: Final = W("", "")
MENUS: Final[dict[str, W]] = {
    "enquiry": W("业务查询", "Enquiries"),
    "services": W("业务办理", "Card services"),
    "policy": W("政策查询", "Policy"),
    "public": W("公共服务", "Public services"),
}
"""The four menus, by the names that their pages have."""


@dataclass(frozen=True, slots=True)
class FormField:
    """What a form asks for; ``keys`` is the on-screen keyboard: digits, identity, text, pinyin.

    ``choices`` are values with their texts; ``levels`` and ``running`` are filled in by the page.
    """

    name: str
    label: W
    keys: str = "digits"
    most: int = 32
    secret: bool = False
    needed: bool = True
    choices: tuple[tuple[str, W], ...] = ()


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An item of a menu.

    ``kind`` is ``shows`` (an enquiry), ``changes`` (a form that is confirmed), ``card`` (done
    with the card in the reader; the kiosk's alone), ``level`` or ``paper``. ``needs`` says what
    the visitor must have shown before the centre is asked: nothing, or who it is.
    """

    name: str
    menu: str
    label: W
    operation: str = ""
    kind: str = "shows"
    hint: W = _NO_HINT
    fields: tuple[FormField, ...] = ()
    known: bool = True
    """Whether it is about a person who must have signed in."""


IDENTITY: Final = FormField("identity", W("社会保障号码", "Identity number"), "identity", 18)
TAIL: Final = FormField(
    "card_number", W("卡号后六位", "Last six of the card number"), "identity", 6
)
PASSWORD: Final = FormField(
    "query_password", W("查询密码", "Query password"), "text", 32, secret=True
)
PIN: Final = FormField("pin", W("卡密码", "Card PIN"), "digits", 12, secret=True)
RECEIPT: Final = FormField("receipt", W("受理单号", "Number of the receipt"), "text", 26)

_REASONS: Final = (
    ("lost", W("遗失补领", "Lost")),
    ("damaged", W("损坏换领", "Damaged")),
    ("expired", W("到期换领", "Expired")),
    ("data", W("信息变更换领", "Printed data changed")),
)
_PRINTED: Final = W("将打印一份A4文件，带电子印章。", "Prints an A4 paper with an electronic seal.")


def _shows(name: str, chinese: str, english: str) -> MenuItem:
    return MenuItem(name, "enquiry", W(chinese, english), name)


def _changes(
    name: str, chinese: str, english: str, hint: W, *fields: FormField, known: bool = True
) -> MenuItem:
    return MenuItem(
        name, "services", W(chinese, english), name, "changes", hint, fields, known=known
    )


ITEMS: Final[tuple[MenuItem, ...]] = (
    _shows("balance", "医保账户余额", "Balance of the medical account"),
    _shows("status", "社保卡状态", "State of the card"),
    _shows("insurances", "参保信息", "Insurances"),
    _shows("contributions", "缴费明细", "Contributions"),
    _shows("pension", "养老个人账户", "Pension account"),
    _shows("settlements", "医保账户明细", "Movements of the medical account"),
    _shows("benefits", "待遇发放", "Benefits"),
    _shows("person", "个人基本信息", "Own data"),
    _shows("applications", "我的申请", "My applications"),
    MenuItem(
        "contents", "enquiry", W("卡内信息", "What the card holds"), "", "card",
        W("读取卡内就业和社会保险信息，需要卡密码。",
          "Reads employment and insurance data on the card; the PIN is needed."), (PIN,),
    ),
    _changes(
        "loss", "临时挂失", "Report a loss",
        W("挂失后卡内账户立即停止支付。", "From that moment nothing is paid with the card."),
    ),
    _changes(
        "lift", "解除挂失", "Withdraw a report",
        W("撤销临时挂失，卡恢复使用。", "The temporary report is withdrawn; the card pays again."),
    ),
    _changes(
        "formal", "正式挂失", "Final report of a loss",
        W("正式挂失不可撤销，之后可申请补卡。",
          "This cannot be withdrawn. A new card can be applied for afterwards."),
    ),
    _changes(
        "replace", "补领、换领社保卡", "Apply for a new card",
        W("到期凭受理单号和身份证领取。", "Collect it with the receipt and your identity card."),
        FormField("reason", W("原因", "Reason"), "", choices=_REASONS),
    ),
    _changes(
        "withdraw", "撤回申请", "Withdraw an application",
        W("制卡前可以撤回。", "Possible until the card is being made."),
    ),
    _changes(
        "activate", "社保卡启用", "Activate a card",
        W("启用后新卡可以支付。", "The new card pays from then on."),
    ),
    MenuItem(
        "pin", "services", W("修改卡密码", "Change the PIN"), "", "card",
        W("新密码为4至12位数字。", "A new PIN has 4 to 12 digits."),
        (
            FormField("pin", W("原密码", "Present PIN"), "digits", 12, secret=True),
            FormField("new", W("新密码", "New PIN"), "digits", 12, secret=True),
            FormField("again", W("再输一次新密码", "New PIN again"), "digits", 12, secret=True),
        ),
    ),
    _changes(
        "password", "设置查询密码", "Set the query password",
        W("6至32位，不能是号码的一部分。", "6 to 32 characters, not part of a number of yours."),
        FormField("password", W("新查询密码", "New query password"), "text", 32, secret=True),
    ),
    _changes(
        "contact", "修改联系方式", "Own telephone and address",
        W("不修改的栏目请留空。", "Leave empty what stays."),
        FormField("phone", W("手机号码", "Mobile telephone"), "digits", 11, needed=False),
        FormField("address", W("地址", "Address"), "pinyin", 100, needed=False),
    ),
    MenuItem(
        "level", "services", W("缴费档次选择", "Contribution level"), "level", "level",
        W("灵活就业人员选择，次月生效。", "For flexible workers; holds from the next month on."),
    ),
    MenuItem("rights", "public", W("社会保险权益记录单", "Rights record"), "paper", "paper",
             _PRINTED),
    MenuItem("participation", "public", W("参保证明", "Participation certificate"), "paper",
             "paper", _PRINTED),
    MenuItem("texts", "policy", W("挂失与补换卡政策", "Loss and replacement"), "policy",
             known=False),
    MenuItem(
        "progress", "public", W("制卡进度", "Progress of a new card"), "progress", "changes",
        W("请输入受理单号。", "Type the number of the receipt."), (RECEIPT,), known=False,
    ),
    MenuItem(
        "report", "public", W("无卡挂失", "Report a loss without the card"), "loss", "changes",
        W("输入社会保障号码和卡号后六位，立即挂失。",
          "Identity number and the last six of the card number: it is stopped at once."),
        (IDENTITY, TAIL), known=False,
    ),
)  # fmt: skip
"""What the menus offer; each row is an operation of the service or something at the kiosk."""


def find_item(name: str) -> MenuItem | None:
    """The item of this name."""
    return next((one for one in ITEMS if one.name == name), None)
