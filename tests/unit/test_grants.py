"""A grant before it touches any server: judged as a whole, shown, dated, and put in place in one step."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from broker.errors import ConfigError
from broker.settings import Settings
from qianbei.cli import grant_cmd
from qianbei.grants import files, granting
from qianbei.site import Site
from schemas.installation import load_installation
from schemas.sitefiles import PrincipalTerms, SiteFile, read_site_file
from tests.unit.test_installation import BANK, REVOKED, USCC, WATER


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "entitlements"
    folder.mkdir()
    values = {
        "kafka_bootstrap": "127.0.0.1:1",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        "entitlements": folder,
    }
    return Site(Settings.model_validate(values), tmp_path / "secrets")


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def folder_of(site: Site) -> Path:
    return files.folder_of(site.admin)


def bank() -> SiteFile:
    return files.like("bank.icbc", "bank.cmb", PrincipalTerms(zh="丙", en="C", uscc=USCC))


def dry_run(site: Site, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr(grant_cmd, "current_site", lambda: site)
    return CliRunner().invoke(grant_cmd.grant_command, [*arguments, "--dry-run"])


def test_a_dry_run_shows_what_would_be_made_and_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = ("--like", "bank.icbc", "--uscc", USCC, "--zh", "丙银行", "--en", "C")
    shown = json.loads(dry_run(site, monkeypatch, "bank.cmb", *terms, "--json").stdout)
    assert set(shown["topics"]) > {"intake.bank.cmb", "dept.bank.cmb.sale.v1", "dept.bank.cmb.mortgage.v1"}
    assert "dept.bank.cmb.sale.v1-value" in shown["schemas"]
    assert "bank.cmb READ TOPIC dept.bank.cmb.sale.v1" in shown["rights"]
    assert all("bank.cmb" in right for right in shown["rights"])
    assert "like: bank.icbc" in dry_run(site, monkeypatch, "bank.cmb", *terms).stdout
    assert list(folder_of(site).iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("nothing.yaml",), click.UsageError, r"there is no file nothing.yaml"),
        (("bank.cmb", "--zh", "丙"), click.UsageError, r"--like DEPARTMENT"),
        (("bank.cmb",), ConfigError, r"bank.cmb is not known: give a FILE, or --like"),
        (("bank.icbc",), ConfigError, r"bank.icbc is granted already"),
        (("bank.cmb", "--like", "bank.icbc"), ConfigError, r"needs principal.uscc"),
    ],
)
def test_what_cannot_be_granted(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    kind: type[Exception],
    message: str,
) -> None:
    result = dry_run(site, monkeypatch, *arguments)
    if kind is click.UsageError:
        assert result.exit_code == 2
        assert message.replace("\\", "") in " ".join(result.stderr.split())
    else:
        assert isinstance(result.exception, kind)
        assert message.replace("\\", "") in str(result.exception)


def test_a_check_character_that_does_not_fit_is_noted_and_not_refused(site: Site) -> None:
    wrong = USCC[:-1] + ("A" if USCC[-1] != "A" else "B")
    terms = PrincipalTerms(uscc=wrong)
    planned = granting.plan(site, files.like("bank.icbc", "bank.cmb", terms))
    assert "check character" in planned.warnings[0]
    assert granting.plan(site, bank()).warnings == ()


def test_the_same_again_keeps_its_date_and_another_content_gets_one(site: Site) -> None:
    first = granting.plan(site, bank())
    assert not first.unchanged
    files.put(folder_of(site), first.file)
    again = granting.plan(site, bank())
    assert (again.unchanged, again.file) == (True, first.file)
    assert not granting.plan(site, bank().model_copy(update={"zh": "丁"})).unchanged


def test_other_fields_for_a_granted_topic_need_a_new_version(site: Site, tmp_path: Path) -> None:
    folder = folder_of(site)
    files.put(folder, read_site_file(written(tmp_path / "w.yaml", WATER)))
    other = read_site_file(written(tmp_path / "w.yaml", WATER.replace("house_code, ", "")))
    with pytest.raises(
        ConfigError, match=r"dept.water.sale.v1, which was granted already: raise its version to 2"
    ):
        granting.plan(site, other)
    newer = read_site_file(
        written(tmp_path / "w.yaml", WATER.replace("house_code, ", "").replace("version: 1", "version: 2"))
    )
    assert "dept.water.sale.v2" in granting.plan(site, newer).topics
    # Also when it was revoked in between: what lies in the topic has the former fields.
    revoked = SiteFile(
        departments=("water",), zh="水", en="W", principal=PrincipalTerms(), revoked=files.now()
    )
    files.put(folder, revoked)
    with pytest.raises(ConfigError, match=r"raise its version"):
        granting.plan(site, other)
    assert (
        granting.again(site, "water").subjects == read_site_file(written(tmp_path / "w.yaml", WATER)).subjects
    )


def test_a_file_is_read_back_as_it_was_put_and_the_former_one_is_kept(site: Site, tmp_path: Path) -> None:
    folder = folder_of(site)
    for text in (BANK, WATER, REVOKED):
        file = read_site_file(written(tmp_path / "x.yaml", text))
        path = files.put(folder, file)
        assert read_site_file(path) == file
        assert files.put(folder, file) == path
    assert not (folder / files.BEFORE).exists()
    revoked = read_site_file(folder / "bank.cmb.yaml").model_copy(
        update={"granted": None, "revoked": files.now()}
    )
    files.put(folder, revoked)
    (kept,) = (folder / files.BEFORE).iterdir()
    assert read_site_file(kept).granted is not None
    assert load_installation(folder).catalogue.principal("bank.cmb").revoked


def test_a_file_that_says_revoked_is_no_grant(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"take that line out, or use `qianbei revoke`"):
        granting.plan(site, read_site_file(written(tmp_path / "x.yaml", REVOKED)))


def test_without_a_folder_nothing_can_be_granted(site: Site) -> None:
    bare = Site(site.admin.model_copy(update={"entitlements": None}), site.secrets)
    with pytest.raises(ConfigError, match=r"set QIANBEI_ENTITLEMENTS"):
        granting.plan(bare, bank())


def test_only_copies_are_ever_deleted() -> None:
    topics = ("intake.x", "decision.x", "quarantine.x", "dept.x.sale.v1", "dlq.x")
    assert granting.copies(topics) == ("dept.x.sale.v1", "dlq.x")


def version_two(site: Site, tmp_path: Path) -> SiteFile:
    """The file of a department whose version is raised from the one that is in place."""
    files.put(folder_of(site), read_site_file(written(tmp_path / "w.yaml", WATER)))
    newer = WATER.replace("house_code, ", "").replace("version: 1", "version: 2")
    return granting.plan(site, read_site_file(written(tmp_path / "w.yaml", newer))).file


def test_a_raised_version_keeps_the_former_one_beside_it(site: Site, tmp_path: Path) -> None:
    file = version_two(site, tmp_path)
    (earlier,) = file.subjects["sale"].earlier
    assert earlier == read_site_file(written(tmp_path / "v1.yaml", WATER)).subjects["sale"]
    path = files.put(folder_of(site), file)
    assert read_site_file(path) == file
    assert {g.topic for g in site.admin.installation().grants if g.department == "water"} == {
        "dept.water.sale.v1",
        "dept.water.sale.v2",
    }
    third = file.model_copy(
        update={"subjects": {"sale": file.subjects["sale"].model_copy(update={"version": 3, "earlier": ()})}}
    )
    assert [one.version for one in granting.plan(site, third).file.subjects["sale"].earlier] == [2, 1]


def test_what_was_retired_does_not_come_back_with_a_later_grant(site: Site, tmp_path: Path) -> None:
    file = version_two(site, tmp_path)
    retired = file.model_copy(update={"retired": {"sale.v1": files.now()}})
    files.put(folder_of(site), retired)
    assert [g.topic for g in site.admin.installation().grants if g.department == "water"] == [
        "dept.water.sale.v2"
    ]
    third = file.model_copy(
        update={"subjects": {"sale": file.subjects["sale"].model_copy(update={"version": 3, "earlier": ()})}}
    )
    planned = granting.plan(site, third).file
    assert [one.version for one in planned.subjects["sale"].earlier] == [2]
    assert planned.retired == retired.retired
