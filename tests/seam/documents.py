"""The raw XML of an answer against AWS's model: element names, list item names and order, which botocore forgives and other SDKs do not."""

import xml.etree.ElementTree as ElementTree


def check(document, service_model, operation, request_id):
    """Raises AssertionError where the document is not what AWS would send."""
    root = ElementTree.fromstring(document)
    protocol = service_model.metadata["protocol"]
    namespace = "{" + service_model.metadata["xmlNamespace"].rstrip("/") + "/}"
    assert root.tag == f"{namespace}{operation.name}Response"
    children = list(root)
    if protocol == "ec2":
        assert (children[0].tag, children[0].text) == (f"{namespace}requestId", request_id)
        if operation.output_shape is None:
            assert [(child.tag, child.text) for child in children[1:]] == [(f"{namespace}return", "true")]
        else:
            _structure(children[1:], operation.output_shape, namespace, "item", operation.name)
    else:
        metadata = children.pop()
        assert metadata.tag == f"{namespace}ResponseMetadata"
        assert [(child.tag, child.text) for child in metadata] == [(f"{namespace}RequestId", request_id)]
        if operation.output_shape is not None:
            (result,) = children
            assert result.tag == namespace + operation.output_shape.serialization["resultWrapper"]
            _structure(list(result), operation.output_shape, namespace, "member", operation.name)


def _structure(elements, shape, namespace, item, where):
    members = {namespace + member.serialization.get("name", name): member for name, member in shape.members.items()}
    names = [element.tag for element in elements]
    assert all(name in members for name in names), f"{where}: {names} are not all of {list(members)}"
    assert names == [name for name in members if name in names], f"{where}: {names} are not in the model's order"
    for name, member in members.items():
        assert member.type_name != "list" or name in names, f"{where}: the list {name} has no element"
    for element in elements:
        below = f"{where}/{element.tag.removeprefix(namespace)}"
        member = members[element.tag]
        if member.type_name == "structure":
            _structure(list(element), member, namespace, item, below)
        elif member.type_name == "list":
            _list(element, member, namespace, item, below)
        else:
            assert not list(element), f"{below} has elements"


def _list(element, shape, namespace, item, where):
    # The model names its list items, except one list whose items are `member` by the protocol's rule.
    expected = namespace + shape.member.serialization.get("name", "member")
    for child in element:
        assert child.tag == expected, f"{where}: {child.tag} is not {expected}"
        if shape.member.type_name == "structure":
            _structure(list(child), shape.member, namespace, item, where)
