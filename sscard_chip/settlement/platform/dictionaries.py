# SPDX-License-Identifier: Apache-2.0
"""The dictionaries of the interface (conventions, A6; field.md, 4.5): codes and what they say.

Regions add codes of their own, so a code that is not here is no fault of a message; 1901 answers
these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.platform.envelope import Request
from sscard_chip.settlement.platform.transactions import TRANSACTIONS

_MAKER: Final = "sscard"
_SINCE: Final = "2026-01-01"

DICTIONARIES: Final[Mapping[str, Mapping[str, str]]] = {
    "INSUTYPE": {
        "310": "职工基本医疗保险",
        "320": "公务员医疗补助",
        "330": "大额医疗费用补助",
        "340": "离休人员医疗保障",
        "350": "一至六级残疾军人医疗补助",
        "360": "老红军医疗保障",
        "370": "企业补充医疗保险",
        "380": "新型农村合作医疗",
        "390": "城乡居民基本医疗保险",
        "391": "城镇居民基本医疗保险",
        "392": "城乡居民大病医疗保险",
        "399": "其他特殊人群医疗保障",
        "410": "长期照护保险",
        "510": "生育保险",
    },
    "MED_TYPE": {
        "11": "普通门诊",
        "12": "门诊挂号",
        "13": "急诊",
        "14": "门诊慢特病",
        "18": "特殊药品",
        "21": "普通住院",
        "22": "外伤住院",
        "41": "定点药店购药",
        "51": "生育门诊",
        "52": "生育住院",
        "9901": "门诊两病",
    },
    "CLR_TYPE": {
        "11": "门诊",
        "21": "住院",
        "41": "药店购药",
        "51": "缓缴",
        "99": "其他",
    },
    "CLR_WAY": {
        "1": "按项目",
        "2": "单病种",
        "3": "按床日",
        "4": "按人头",
        "8": "按月定额",
        "9": "其他",
        "40": "DRG",
        "50": "DIP",
    },
    "STMT_RSLT": {
        "0": "平",
        "1": "中心多",
        "2": "医药机构多",
        "3": "数据不一致",
    },
    "PAY_LOC": {
        "1": "中心",
        "2": "医药机构",
        "3": "省内异地",
        "4": "跨省异地",
        "5": "互联网医院",
        "6": "市内",
    },
    "REFD_SETL_FLAG": {
        "0": "正常",
        "1": "退费",
    },
    "PSN_SETLWAY": {
        "01": "按项目",
        "02": "按定额",
    },
    "ACCT_USED_FLAG": {
        "0": "不使用",
        "1": "本人账户",
        "2": "共济账户",
    },
    "OPTER_TYPE": {
        "1": "经办人",
        "2": "自助终端",
        "3": "移动终端",
    },
    "GEND": {
        "1": "男",
        "2": "女",
        "9": "未说明",
    },
    "PSN_CERT_TYPE": {
        "01": "居民身份证",
        "90": "社会保障卡",
        "99": "其他",
    },
    "MDTRT_CERT_TYPE": {
        "01": "医保电子凭证",
        "02": "居民身份证",
        "03": "社会保障卡",
        "04": "电子社保卡",
    },
    "PSN_TYPE": {
        "11": "在职",
        "12": "退休",
        "13": "离休",
        "14": "未成年",
        "15": "居民",
        "16": "老年居民",
    },
    "PSN_INSU_STAS": {
        "0": "未参保",
        "1": "正常参保",
        "2": "暂停参保",
        "3": "参保无效",
        "4": "终止参保",
    },
    "PSN_IDET_TYPE": {
        "2301": "特困人员",
        "2302": "最低生活保障对象",
        "2303": "低收入家庭",
        "2304": "孤儿",
        "2305": "返贫致贫人口",
        "2306": "重度残疾人",
        "2307": "优抚对象",
        "2308": "其他",
    },
    "CVLSERV_FLAG": {
        "0": "否",
        "1": "是",
    },
    "FUND_PAY_TYPE": {
        "310100": "基本医疗保险统筹基金",
        "310102": "门诊统筹基金",
        "310200": "个人账户",
        "320100": "公务员医疗补助基金",
        "330100": "大额医疗费用补助基金",
        "340100": "离休人员医疗保障基金",
        "350100": "一至六级残疾军人医疗补助基金",
        "370100": "企业补充医疗保险基金",
        "390100": "城乡居民基本医疗保险基金",
        "390200": "城乡居民大病医疗保险资金",
        "610100": "医疗救助基金",
        "999900": "医院减免",
        "999996": "医院负担",
        "999997": "其他",
    },
    "HI_FEESETL_TYPE": {
        "0": "非医保",
        "1": "本地医保",
        "2": "异地医保",
    },
    "CHRGITM_LV": {
        "01": "甲类",
        "02": "乙类",
        "03": "丙类",
    },
    "MED_CHRGITM_TYPE": {
        "01": "床位费",
        "02": "诊察费",
        "03": "检查费",
        "04": "化验费",
        "05": "治疗费",
        "06": "手术费",
        "07": "护理费",
        "08": "卫生材料费",
        "09": "西药费",
        "10": "中药饮片费",
        "11": "中成药费",
        "12": "一般诊疗费",
        "13": "挂号费",
        "14": "其他费",
    },
    "LIST_TYPE": {
        "101": "西药中成药",
        "102": "中药饮片",
        "103": "自制剂",
        "201": "服务项目",
        "301": "医用材料",
    },
    "FIXMEDINS_TYPE": {
        "1": "定点医疗机构",
        "2": "定点零售药店",
    },
    "INV_CHG_TYPE": {
        "101": "调拨入库",
        "102": "调拨出库",
        "103": "盘盈",
        "104": "盘损",
        "105": "销毁",
        "106": "其他入库",
        "107": "其他出库",
        "108": "初始化入库",
        "109": "退货入库",
        "110": "退货出库",
        "111": "报损出库",
    },
    "INV_DATA_TYPE": {
        "1": "盘存信息",
        "2": "库存变更信息",
        "3": "采购信息",
        "4": "销售信息",
    },
    "RX_FLAG": {
        "0": "非处方药",
        "1": "处方药",
    },
    "TRDN_FLAG": {
        "0": "未拆零",
        "1": "拆零",
    },
    "RX_CIRC_FLAG": {
        "0": "院内处方",
        "1": "外购处方",
    },
}


def ask(_: LedgerTransaction, request: Request) -> Mapping[str, Any]:
    """1901: the codes of a dictionary; of one that is not known none."""
    (data,) = TRANSACTIONS["1901"].input[0].check(request.input)
    name = data["type"].upper()
    codes = DICTIONARIES.get(name, {}) if data["valiFlag"] in ("", "1") else {}
    rows = [
        {
            "type": name,
            "label": label,
            "value": value,
            "parentValue": "",
            "sort": str(at),
            "valiFlag": "1",
            "createUser": _MAKER,
            "createDate": _SINCE,
            "version": "1",
        }
        for at, (value, label) in enumerate(codes.items(), 1)
    ]
    return {"list": rows}
