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


GROUPS: Final[dict[str, W]] = {
    "card": W("社会保障卡", "Social security card"),
    "own": W("本人信息", "Own data"),
    "paying": W("灵活就业缴费", "Contributions of flexible workers"),
    "away": W("异地就医备案", "Treatment in another place"),
}
"""Groups of items in a menu."""
PICTURES: Final = ("photo", "scan")
"""Kinds of fields that are pictures: taken by the kiosk's camera or scanner, uploaded on a site."""

Choices = tuple[tuple[str, W], ...]


@dataclass(frozen=True, slots=True)
class FormField:
    """What a form asks for; ``keys`` is the on-screen keyboard: digits, identity, text, pinyin;
    or what takes a picture: photo, scan.

    ``choices`` are values with their texts; :mod:`.offers` fills in those that are a person's own
    (``offered``).
    """

    name: str
    label: W
    keys: str = "digits"
    most: int = 32
    secret: bool = False
    needed: bool = True
    choices: Choices = ()
    offered: bool = False


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An item of a menu.

    ``kind`` is ``shows`` (an enquiry), ``changes`` (a form that is confirmed), ``card`` (done
    with the card in the reader; the kiosk's alone), ``paper`` or ``reprint``. ``group`` is of
    :data:`GROUPS`, for the order of a long menu.
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
    group: str = ""

    @property
    def pictured(self) -> bool:
        """Whether a picture goes with it."""
        return any(one.keys in PICTURES for one in self.fields)


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
_PRINTED: Final = W("生成一份A4文件，带电子印章。", "An A4 paper with an electronic seal.")
_PHOTO: Final = FormField("photo", W("照片", "Photo"), "photo", needed=False)
_SCAN: Final = FormField("identity", W("身份证件影像", "Scan of the identity document"), "scan")
_POINTS: Final = (("collect", W("到网点领取", "Collect it")), ("post", W("邮寄", "By post")))
_AWAY: Final = (
    FormField(
        "mdtrtarea_admdvs",
        W("就医地行政区划代码（6位）", "Division of the place, 6 digits"),
        "digits",
        6,
    ),
    FormField("begndate", W("开始日期（如20260310）", "First day, as 20260310"), "digits", 8),
    FormField("enddate", W("结束日期（可不填）", "Last day, if known"), "digits", 8, needed=False),
)
STAYS: Final = (
    ("retired", W("异地安置退休", "Retired there")),
    ("resident", W("异地长期居住", "Living there")),
    ("posted", W("常驻异地工作", "Working there")),
    ("other", W("其他临时外出", "Temporary stay")),
)
"""Classes of filings that a person makes himself."""
_WAYS: Final = (
    ("counter", W("银行柜面缴费", "At a bank's counter")),
    ("card", W("社保卡银行账户扣款", "From the card's bank account")),
)
_MONTHS: Final = tuple((str(one), W(f"{one}个月", f"{one} months")) for one in (12, 24, 36))


def _shows(name: str, chinese: str, english: str) -> MenuItem:
    return MenuItem(name, "enquiry", W(chinese, english), name)


def _changes(
    group: str, name: str, chinese: str, english: str, hint: W, *fields: FormField,
    operation: str = "",
) -> MenuItem:  # fmt: skip
    return MenuItem(
        name, "services", W(chinese, english), operation or name, "changes", hint, fields,
        group=group,
    )  # fmt: skip


def _offered(name: str, chinese: str, english: str) -> FormField:
    return FormField(name, W(chinese, english), "", offered=True)


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
    _shows("filings", "异地就医备案记录", "Filings of treatment elsewhere"),
    _shows("bills", "缴费单", "Bills"),
    _changes(
        "card", "loss", "临时挂失", "Report a loss",
        W("挂失后卡内账户立即停止支付。", "From that moment nothing is paid with the card."),
    ),
    _changes(
        "card", "lift", "解除挂失", "Withdraw a report",
        W("撤销临时挂失，卡恢复使用。", "The temporary report is withdrawn; the card pays again."),
    ),
    _changes(
        "card", "formal", "正式挂失", "Final report of a loss",
        W("正式挂失不可撤销，之后可申请补卡。",
          "This cannot be withdrawn. A new card can be applied for afterwards."),
    ),
    _changes(
        "card", "apply", "申领社保卡", "Apply for a first card",
        W("没有社保卡或卡已注销的，可申领。", "For whoever has no card, or a cancelled one."),
        _PHOTO, _SCAN, FormField("delivery", W("领取方式", "How it comes"), "", choices=_POINTS),
        FormField("address", W("邮寄地址", "Address to post it to"), "pinyin", 100, needed=False),
    ),
    _changes(
        "card", "replace", "补领、换领社保卡", "Apply for a new card",
        W("遗失补领须先办理正式挂失。到期凭受理单号和身份证领取。",
          "A lost card is first reported for good. Collect the new one with receipt and identity"
          " card."),
        FormField("reason", W("原因", "Reason"), "", choices=_REASONS), _PHOTO,
    ),
    _changes(
        "card", "withdraw", "撤回申请", "Withdraw an application",
        W("制卡前可以撤回。", "Possible until the card is being made."),
    ),
    _changes(
        "card", "activate", "社保卡启用", "Activate a card",
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
        group="card",
    ),
    _changes(
        "own", "password", "设置查询密码", "Set the query password",
        W("6至32位，不能是号码的一部分。", "6 to 32 characters, not part of a number of yours."),
        FormField("password", W("新查询密码", "New query password"), "text", 32, secret=True),
    ),
    _changes(
        "own", "contact", "修改联系方式", "Own telephone and address",
        W("不修改的栏目请留空。", "Leave empty what stays."),
        FormField("phone", W("手机号码", "Mobile telephone"), "digits", 11, needed=False),
        FormField("address", W("地址", "Address"), "pinyin", 100, needed=False),
    ),
    _changes(
        "paying", "level", "缴费档次选择", "Contribution level",
        W("灵活就业人员选择，次月生效。", "For flexible workers; holds from the next month on."),
        _offered("level", "档次", "Level"),
    ),
    _changes(
        "paying", "level_stop", "停止缴费", "Stop contributions",
        W("次月起停缴，重新选择档次即恢复。",
          "From the next month on; choosing a level resumes them."),
        _offered("insurance", "险种", "Insurance"),
    ),
    _changes(
        "paying", "bill", "生成缴费单", "Make a bill",
        W("按各月档次计算应缴金额。", "Each month counts by the level that holds in it."),
        _offered("insurances", "险种", "Insurances"), _offered("period", "费款所属期", "Months"),
        FormField("way", W("缴费方式", "Way"), "", choices=_WAYS),
    ),
    _changes(
        "paying", "bill_withdraw", "撤销缴费单", "Withdraw a bill",
        W("缴费前可以撤销。", "Possible until it is paid."),
        _offered("bill", "缴费单", "Bill"),
    ),
    _changes(
        "away", "filing", "异地就医备案", "File treatment elsewhere",
        W("备案后可在就医地直接结算。", "Treatment there is settled directly from then on."),
        FormField("kind", W("备案类型", "Class"), "", choices=STAYS), *_AWAY,
    ),
    _changes(
        "away", "referral", "转诊备案", "File a referral",
        W("由医院转往外地就医的，按转诊单填写。", "As the hospital's transfer form (2501) says."),
        *_AWAY[:2],
        FormField("reflin_medins_no", W("转入医院编号（12位）", "Hospital, 12 characters"), "text",
                  12),
        FormField("refl_date", W("转诊日期（如20260301）", "Day of referral, as 20260301"),
                  "digits", 8),
        FormField("diag_name", W("诊断名称", "Illness"), "pinyin", 100),
        operation="filing",
    ),
    _changes(
        "away", "unfile", "结束异地就医备案", "End a filing",
        W("未开始的备案不填日期即撤销；已开始的填写最后一天。",
          "One that has not begun is withdrawn without a day; else type its last day."),
        _offered("trt_dcla_detl_sn", "备案", "Filing"),
        FormField("enddate", W("最后一天（如20260310）", "Last day, as 20260310"), "digits", 8,
                  needed=False),
    ),
    MenuItem("rights", "public", W("社会保险权益记录单", "Rights record"), "paper", "paper",
             _PRINTED, (_offered("year", "年度", "Year"),)),
    MenuItem("participation", "public", W("参保证明", "Participation certificate"), "paper",
             "paper", _PRINTED,
             (FormField("months", W("期间", "Period"), "", choices=_MONTHS),)),
    MenuItem("voucher", "public", W("领卡证明", "Voucher for a new card"), "paper", "paper",
             _PRINTED),
    MenuItem("reprint", "public", W("重新打印（副本）", "Print a paper again"), "paper_print",
             "reprint", W("再次打印的文件标有“副本”。", "What is printed again says 副本, a copy."),
             (_offered("code", "文件", "Paper"),)),
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
