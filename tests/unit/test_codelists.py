"""Code lists are whole and consistent, every list that a schema names exists, and sources' codes are translated."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.catalogue import load_catalogue
from schemas.codelists import (
    CodeListError,
    UnknownCodeError,
    UnknownCodeListError,
    code_list,
    code_list_names,
    mapped_lists,
    mapping,
    mapping_sources,
)
from schemas.files import load_schema, records, released_versions

SCHEMAS = [(record, version) for record in records() for version in released_versions(record)]


def _fields(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _fields(branch)
    elif isinstance(schema, dict):
        for field in schema.get("fields", ()):
            yield field
            yield from _fields(field["type"])
        yield from _fields(schema.get("items"))


@pytest.mark.parametrize("name", code_list_names())
def test_each_list_is_named_worded_and_sourced(name):
    codes = code_list(name)
    assert codes.name == name
    assert codes.zh
    assert codes.en
    assert codes.source
    assert codes.version
    assert all(code.zh and code.en for code in codes)
    assert len(codes) == len(codes.codes)


@pytest.mark.parametrize(("record", "version"), SCHEMAS)
def test_every_list_that_a_schema_names_exists_and_fits_its_field(record, version):
    named = [field for field in _fields(load_schema(record, version)) if "code_list" in field]
    for field in named:
        longest = max(map(len, code_list(field["code_list"]).codes))
        assert longest <= field.get("max_length", longest), field["name"]


def test_the_schemas_do_name_lists():
    assert sum("code_list" in f for r, v in SCHEMAS for f in _fields(load_schema(r, v))) > 100


def test_words_of_events_and_statuses_cover_the_catalogue():
    for subject in load_catalogue().subjects.values():
        assert set(subject.event_types) <= code_list("event_type").codes
        assert subject.statuses <= code_list("status").codes
    assert code_list("contract_status").codes <= load_catalogue().subject("sale").statuses


@pytest.mark.parametrize(
    ("name", "code", "zh"),
    [
        ("planned_use", "11", "成套住宅"),
        ("planned_use", "84", "物管用房"),
        ("structure", "3", "钢筋混凝土结构"),
        ("house_nature", "0", "市场化商品房"),
        ("id_type", "1", "身份证"),
        ("id_type", "USCC", "统一社会信用代码"),
        ("seizure_kind", "2", "轮候查封"),
        ("seizure_kind", "5", "续封"),
        ("sale_status", "00", "不可售"),
        ("contract_kind", "21", "存量房买卖"),
        ("registration_type", "700", "预告登记"),
        ("payment_method", "5", "组合贷款"),
        ("county", "411481", "永城市"),
    ],
)
def test_codes_have_the_words_of_the_dictionary(name, code, zh):
    assert code in code_list(name)
    assert code_list(name)[code].zh == zh


def test_the_nine_counties_are_there():
    nine = {"411402", "411403", "411421", "411422", "411423", "411424", "411425", "411426", "411481"}
    assert nine <= code_list("county").codes
    assert all(code_list("county")[code].parent == "411400" for code in nine)
    assert code_list("county")["4114A1"].parent in nine


def test_lists_are_read_once_and_frozen():
    assert code_list("gender") is code_list("gender")
    with pytest.raises(AttributeError):
        code_list("gender").name = "other"
    with pytest.raises(TypeError):
        code_list("gender").by_code["9"] = code_list("gender")["1"]


def test_unknown_names_are_clear_errors():
    with pytest.raises(UnknownCodeListError, match="no code list 'colour'"):
        code_list("colour")
    with pytest.raises(UnknownCodeListError, match="no code list"):
        code_list("../catalogue")
    with pytest.raises(UnknownCodeError, match="'12' is not in the code list gender"):
        code_list("gender")["12"]


class TestMappings:
    @pytest.mark.parametrize(
        ("code", "zh"),
        [("1", "查封"), ("2", "预查封"), ("3", "续封"), ("4", "轮候查封"), ("5", "轮候预查封")],
    )
    def test_a_courts_own_seizure_kinds_are_translated(self, code, zh):
        translated = mapping("court_vendor_a", "seizure_kind").translate(code)
        assert code_list("seizure_kind")[translated].zh == zh

    def test_other_documents_and_legacy_payments_are_translated(self):
        assert mapping("housing_query", "id_type").translate("8") == "99"
        payments = mapping("filing_legacy", "payment_method")
        assert [payments.translate(code) for code in ("177", "178", "179")] == ["1", "3", "2"]
        assert [payments.translate(code) for code in ("ALL_PAY", "DEBIT_PAY", "PART_PAY")] == ["1", "3", "2"]

    def test_an_unknown_code_is_never_passed_through(self):
        # 99 is a code of the list itself, but not of this source.
        with pytest.raises(UnknownCodeError, match="housing_query has no id_type '99'"):
            mapping("housing_query", "id_type").translate("99")

    def test_unknown_sources_and_lists_are_clear_errors(self):
        with pytest.raises(UnknownCodeListError, match="no mapping of 'nobody'"):
            mapping("nobody", "id_type")
        with pytest.raises(UnknownCodeListError, match="court_vendor_a has no mapping for 'id_type'"):
            mapping("court_vendor_a", "id_type")

    @pytest.mark.parametrize("source", mapping_sources())
    def test_every_mapping_leads_into_its_list(self, source):
        for name in mapped_lists(source):
            assert set(mapping(source, name).table.values()) <= code_list(name).codes


class TestBrokenFiles:
    """A file that is wrong is refused with its name, whatever is wrong."""

    GOOD = 'list: odd\nversion: "1"\nzh: 奇\nen: Odd\nsource: 试\ncodes:\n  - {code: "1", zh: 一, en: One}\n'

    @pytest.fixture
    def read(self, tmp_path, monkeypatch):
        monkeypatch.setattr("schemas.codelists._CODES", tmp_path)
        code_list_names.cache_clear()

        def read(text):
            (tmp_path / "odd.yaml").write_text(text, encoding="utf-8")
            return code_list.__wrapped__("odd")

        yield read
        code_list_names.cache_clear()

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("en: Odd", "en: Odd\ncolour: red", "colour"),
            ('code: "1"', "code: 1", "codes"),
            ("list: odd", "list: even", "list must be odd"),
            ("codes:", 'codes:\n  - {code: "1", zh: 壹, en: Uno}', "a code stands twice"),
            ("en: One", 'en: One, parent: "7"', "no code for the parent 7"),
            ("zh: 奇", "zh: [", "odd.yaml"),
        ],
    )
    def test_is_refused(self, read, tmp_path, old, new, message):
        (tmp_path / "odd.yaml").touch()
        with pytest.raises(CodeListError, match=message):
            read(self.GOOD.replace(old, new))

    def test_a_right_one_is_read(self, read, tmp_path):
        (tmp_path / "odd.yaml").touch()
        assert read(self.GOOD)["1"].en == "One"
