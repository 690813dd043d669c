"""AWS's model as botocore has it, and random values of its shapes. Independent of the generator: it reads the model by itself."""

import datetime
import random
import string

import botocore.session

EC2 = "ec2"
STS = "sts"


def service_model(service):
    return botocore.session.get_session().get_service_model(service)


def compact(name):
    """AWS's `SecurityGroupIds` and protobuf's `security_group_ids`, alike."""
    return name.replace("_", "").lower()


TEXT = string.ascii_letters + string.digits + " <>&'\"\n\t\r;:/=+%äß…🦀"
INTEGERS = {"integer": 2**31, "long": 2**63}


class Values:
    """Random values from one seed. `every` leaves no member out."""

    def __init__(self, seed, every=False):
        self.random = random.Random(seed)
        self.every = every

    def of(self, shape, request):
        return getattr(self, f"_{shape.type_name}")(shape, request)

    def _structure(self, shape, request):
        while True:
            made = {}
            for name, member in shape.members.items():
                required = request and name in shape.required_members
                if required or self.every or self.random.random() < 0.6:
                    value = self.of(member, request)
                    # Query can not say "empty" of a structure or a list.
                    if not request or value not in ({}, []):
                        made[name] = value
            if made or not shape.members:
                return made

    def _list(self, shape, request):
        least = 1 if request or self.every else 0
        return [self.of(shape.member, request) for _ in range(self.random.randint(least, 3))]

    def _string(self, shape, request):
        if shape.enum:
            return self.random.choice(shape.enum)
        # Where empty would count as absent (identifiers), requests are never empty; the rest may be.
        least = 1 if request else 0
        return "".join(self.random.choices(TEXT, k=self.random.randint(least, 12)))

    def _boolean(self, _shape, _request):
        return self.random.choice([True, False])

    def _number(self, shape, _request):
        most = INTEGERS[shape.type_name]
        return self.random.choice([0, 1, -1, most - 1, -most, self.random.randint(-most, most - 1)])

    _integer = _long = _number

    def _double(self, _shape, _request):
        return self.random.choice([0.0, -1.5, self.random.uniform(-1e9, 1e9), 1e300, 5e-324])

    _float = _double

    def _blob(self, _shape, _request):
        return self.random.randbytes(self.random.randint(1, 20))

    def _timestamp(self, _shape, request):
        seconds = self.random.randint(-2_000_000_000, 4_000_000_000)
        milliseconds = 0 if request else self.random.randint(0, 999)
        return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(seconds=seconds, milliseconds=milliseconds)
