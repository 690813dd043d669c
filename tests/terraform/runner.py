"""Terraform as a user has it: `init`, `plan`, `apply`, `destroy` of a configuration, with the AWS provider from Terraform's usual places."""

import json
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE = 600


class NotToBeHad(Exception):
    """There is no Terraform here, or no provider for it."""


class Terraform:
    """One configuration in a folder of its own, against one account of a cloud. `legacy`: the endpoint in the provider's own block alone, as
    providers had it before they read AWS_ENDPOINT_URL."""

    def __init__(self, folder, configuration, account, legacy=False, variables=None):
        self.folder, self.account, self.legacy, self.variables = folder, account, legacy, variables or {}
        if not shutil.which("terraform"):
            raise NotToBeHad("terraform is not installed")
        shutil.copytree(HERE / "configurations" / configuration, folder, dirs_exist_ok=True)
        endpoint = account.cloud.endpoint_url
        endpoints = f'endpoints {{\n    ec2 = "{endpoint}"\n    sts = "{endpoint}"\n  }}' if legacy else ""
        (folder / "provider.tf").write_text(f"""
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}

provider "aws" {{
  region = "us-east-1"
  {endpoints}
}}

variable "stage" {{
  type    = number
  default = 1
}}
""")
        done = self._run("init", "-input=false")
        if done.returncode != 0:
            raise NotToBeHad("no AWS provider can be had: " + " ".join(done.stderr.split())[-300:])

    @property
    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        own = {
            "AWS_ACCESS_KEY_ID": self.account.access_key_id, "AWS_SECRET_ACCESS_KEY": self.account.secret_access_key,
            "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
        }
        return kept | own | ({} if self.legacy else {"AWS_ENDPOINT_URL": self.account.cloud.endpoint_url})

    def _run(self, *words):
        return subprocess.run(
            ["terraform", words[0], *(["-no-color"] if words[0] not in ("state",) else []), *words[1:]], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE,
        )

    def _done(self, *words):
        done = self._run(*words)
        assert done.returncode == 0, f"terraform {' '.join(words)}:\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
        return done.stdout

    def _given(self, stage):
        return ["-input=false", f"-var=stage={stage}", *(f"-var={name}={value}" for name, value in self.variables.items())]

    def apply(self, stage=1):
        self._done("apply", "-auto-approve", *self._given(stage))

    def nothing_to_do(self, stage=1):
        """A plan that would change nothing."""
        done = self._run("plan", "-detailed-exitcode", *self._given(stage))
        assert done.returncode == 0, f"the plan is not empty:\n{done.stdout[-6000:]}{done.stderr[-3000:]}"

    def actions(self, stage):
        """What a plan would do, by address."""
        self._done("plan", "-out=next", *self._given(stage))
        plan = json.loads(self._done("show", "-json", "next"))
        return {change["address"]: change["change"]["actions"] for change in plan["resource_changes"] if change["change"]["actions"] != ["no-op"]}

    def outputs(self):
        return {name: output["value"] for name, output in json.loads(self._done("output", "-json")).items()}

    def imported(self, address, identifier, stage=1):
        """Forgets a resource, and finds it again by its id."""
        self._done("state", "rm", address)
        self._done("import", *self._given(stage), address, identifier)

    def destroy(self, stage=1):
        self._done("destroy", "-auto-approve", *self._given(stage))
        assert self._done("state", "list").strip() == ""

    def swept(self):
        """Whatever a failed test has left is gone."""
        if self._run("state", "list").stdout.strip():
            self.destroy()
