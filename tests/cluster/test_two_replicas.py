"""Two web replicas on one database are one installation."""

from __future__ import annotations

from tests.cluster.replicas import Cluster

FACT = "The ferry to Ravensholm leaves from pier nine at noon."


def test_two_replicas_are_one_installation(cluster: Cluster):
    """A login and a logout at one replica hold at the other, and so do a document and its deletion."""
    cluster.add_user("ann")
    first, second = cluster.start_web(2, DOCENT_LOGIN="on")
    with first.log_in("ann") as browser:
        assert browser.get(f"{second.url}/user").json()["identifier"] == "ann"
        assert browser.post(f"{second.url}/logout").is_success
        assert browser.get("/user").status_code == 401

    file = first.upload("ferries.md", FACT)
    assert first.until_processed(file)["status"] == "processed"
    assert second.search("Where does the ferry to Ravensholm leave?") == ["ferries.md"]
    assert second.ask("Where does the ferry to Ravensholm leave?")["citations"][0]["file"] == "ferries.md"
    assert not any(second.delete(file)["left"].values())
    assert first.search("Where does the ferry to Ravensholm leave?") == []
