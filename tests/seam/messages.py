"""Protobuf messages of AWS's actions, by Google's own implementation from the checked-in .proto files: prost's judge."""

import datetime

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from model import compact


class Messages:
    def __init__(self, descriptor_set):
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set)
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)

    def method(self, service, action):
        for file in self.files(service):
            for family in file.services_by_name.values():
                if action in family.methods_by_name:
                    return family.methods_by_name[action]
        raise KeyError(action)

    def files(self, service):
        return [self.pool.FindFileByName(name) for name in self.names if name.startswith(f"aws/{service}/")]

    names = ()

    @classmethod
    def read(cls, descriptor_set):
        messages = cls(descriptor_set)
        messages.names = [file.name for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file]
        return messages

    @staticmethod
    def parse(descriptor, data):
        return message_factory.GetMessageClass(descriptor).FromString(data)

    @staticmethod
    def build(descriptor, shape, values):
        """The message that says `values`."""
        message = message_factory.GetMessageClass(descriptor)()
        for name, value in values.items():
            member, field = shape.members[name], field_of(descriptor, name)
            if member.type_name == "list":
                for element in value:
                    if member.member.type_name == "structure":
                        getattr(message, field.name).append(Messages.build(field.message_type, member.member, element))
                    else:
                        getattr(message, field.name).append(element)
            elif member.type_name == "structure":
                getattr(message, field.name).CopyFrom(Messages.build(field.message_type, member, value))
            elif member.type_name == "timestamp":
                getattr(message, field.name).FromDatetime(value)
            else:
                setattr(message, field.name, value)
        return message


def field_of(descriptor, member):
    (field,) = [field for field in descriptor.fields if compact(field.name) == compact(member)]
    return field


def values_of(message, shape):
    """What a message says, as botocore would: members that are absent are absent, explicit false and 0 are there."""
    said = {}
    for name, member in shape.members.items():
        field = field_of(message.DESCRIPTOR, name)
        if member.type_name == "list":
            elements = [element_of(element, member.member) for element in getattr(message, field.name)]
            if elements:
                said[name] = elements
        elif not field.has_presence or message.HasField(field.name):
            said[name] = element_of(getattr(message, field.name), member)
    return said


def element_of(value, shape):
    if shape.type_name == "structure":
        return values_of(value, shape)
    if shape.type_name == "timestamp":
        return value.ToDatetime(tzinfo=datetime.UTC)
    return value


def shuffled(message, random):
    """The message's bytes with its fields in a random order, which protobuf allows."""
    parts = []
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        own = []
        for one in values:
            alone = type(message)()
            if field.is_repeated:
                getattr(alone, field.name).append(one)
            elif field.message_type:
                getattr(alone, field.name).CopyFrom(one)
            else:
                setattr(alone, field.name, one)
            own.append(alone.SerializePartialToString())
        parts.append(own)
    # The elements of one list keep their order.
    order = [index for index, own in enumerate(parts) for _ in own]
    random.shuffle(order)
    return b"".join(parts[index].pop(0) for index in order)
