"""Schema, mappings and the handshake, step by step in the vendor's order."""

from tests.sandbox.gatormail.conftest import Gator

MAPPING = {"entityName": "Contact", "attributeName": "firstname", "contactAttribute": "firstName", "dataCleanse": True}


def _lights(gator: Gator) -> list[bool]:
    return [row["requested"] for row in gator("GET", "/integration/requests", status=200)]


def test_the_handshake(gator: Gator) -> None:
    gator.person("POST", "ui/get-schema")
    gator("DELETE", "/schema", status=204)
    gator("POST", "/schema/entity", {"name": "Contact", "displayName": "Contact"}, status=201)
    attribute = {"entityName": "Contact", "name": "firstname", "displayName": "First name", "dataType": "string"}
    made = gator("POST", "/schema/attribute", attribute, status=201)
    assert made == {"name": "firstname", "displayName": "First name", "dataType": "string", "mappings": []}
    assert _lights(gator) == [True, False]
    done = gator("GET", "/integration/request/FieldMappingSchema/satisfied", status=200)
    assert done == {"type": "FieldMappingSchema", "requested": False, "requestedAt": "2027-01-15T08:00:00"}
    gator("POST", "/integration/request/FieldMappingSchema/satisfied", status=200)
    gator.person("PUT", "ui/mappings", {"mappings": [MAPPING]})
    assert gator("GET", "/schema")["publishedAt"] is None
    gator.person("POST", "ui/publish")
    assert _lights(gator) == [False, True]
    mapping = {"contactAttribute": "FirstName", "dataCleanse": True}
    assert gator("GET", "/schema") == {
        "publishedAt": "2027-01-15T08:00:00",
        "entities": [
            {"name": "Contact", "displayName": "Contact", "attributes": [{**made, "mappings": [mapping]}]},
        ],
    }  # fmt: skip
    gator("GET", "/integration/request/FieldMappingUpdates/satisfied", status=200)
    assert _lights(gator) == [False, False]


def test_edits_that_were_not_published_stay_invisible(gator: Gator) -> None:
    gator("POST", "/schema/entity", {"name": "Contact"})
    gator("POST", "/schema/attribute", {"entityName": "contact", "name": "firstname"}, status=201)
    gator.person("PUT", "ui/mappings", {"mappings": [MAPPING]})
    gator.person("POST", "ui/publish")
    before = gator("GET", "/schema")
    gator.person("PUT", "ui/mappings", {"mappings": []})
    assert gator("GET", "/schema") == before
    assert gator.person("GET", "ui/mappings") == []
    gator.person("POST", "ui/publish")
    assert gator("GET", "/schema")["entities"][0]["attributes"][0]["mappings"] == []
    gator.person("PUT", "ui/mappings", {"mappings": [{**MAPPING, "attributeName": "nix"}]}, status=400)
    gator("POST", "/schema/attribute", {"entityName": "Contact", "name": "FIRSTNAME"}, status=409)
    gator("POST", "/schema/attribute", {"entityName": "Contact", "name": "x", "dataType": "text"}, status=400)
