"""Requests signed by botocore and sent byte by byte, so that a test can say what no SDK would."""

import datetime
import html
import http.client
import re
from unittest import mock
from urllib.parse import quote, urlencode

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloud import REGION

FORM = "application/x-www-form-urlencoded; charset=utf-8"
VERSIONS = {"ec2": "2016-11-15", "sts": "2011-06-15"}


def now(**shift):
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(**shift)


class Request:
    """One request, which a test may change after it was signed."""

    def __init__(self, account, action=None, service="ec2", method="POST", path="/", body=None, headers=None, **parameters):
        self.account, self.service, self.method, self.path = account, service, method, path
        self.endpoint = account.cloud.endpoint_url.removeprefix("http://")
        if action:
            parameters = {"Action": action, "Version": VERSIONS[service]} | parameters
        form = urlencode(parameters, quote_via=quote)
        self.query, self.body = ("", form.encode()) if method == "POST" else (form, b"")
        self.body = body if body is not None else self.body
        self.headers = {"Host": self.endpoint} | ({"Content-Type": FORM} if self.body else {}) | (headers or {})

    def _aws_request(self):
        url = f"http://{self.endpoint}{self.path}" + (f"?{self.query}" if self.query else "")
        request = AWSRequest(self.method, url, headers=dict(self.headers), data=self.body)
        request.context["payload_signing_enabled"] = True
        return request

    def sign(self, when=None, secret=None, key=None, region=REGION, token=None):
        """The header form."""
        credentials = Credentials(key or self.account.access_key_id, secret or self.account.secret_access_key, token)
        request = self._aws_request()
        with mock.patch.object(botocore.auth, "get_current_datetime", lambda: when or now()):
            botocore.auth.SigV4Auth(credentials, self.service, region).add_auth(request)
        self.headers = dict(request.headers.items())
        return self

    def presign(self, when=None, secret=None, expires=300):
        """The form that is an address."""
        credentials = Credentials(self.account.access_key_id, secret or self.account.secret_access_key)
        request = self._aws_request()
        with mock.patch.object(botocore.auth, "get_current_datetime", lambda: when or now()):
            botocore.auth.SigV4QueryAuth(credentials, self.service, REGION, expires=expires).add_auth(request)
        self.query = request.url.split("?", 1)[1]
        return self

    def send(self):
        connection = http.client.HTTPConnection(self.endpoint, timeout=60)
        try:
            target = self.path + (f"?{self.query}" if self.query else "")
            connection.putrequest(self.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body)
            return Answer(connection.getresponse())
        finally:
            connection.close()


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()

    def element(self, name):
        found = re.search(f"<{name}>([^<]*)</{name}>", self.text)
        assert found, f"no <{name}> in {self.status} {self.text}"
        return html.unescape(found[1])

    @property
    def refused(self):
        """Status and code; both ids of the request have to be the same."""
        (name,) = re.findall("<(RequestI[dD])>", self.text)
        assert self.headers["x-amzn-RequestId"] == self.element(name), self.text
        return self.status, self.element("Code")
