// One client's day with the SDK as it comes: its parser turns every member into the type that the model gives it, or fails. Prints what it
// saw as JSON, which tests/javascript/test_sdk.py judges. Environment: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, IMAGE.
import { EC2Client, paginateDescribeInstances, paginateDescribeInstanceTypeOfferings, paginateDescribeInstanceTypes, paginateDescribeLaunchTemplates, paginateDescribeLaunchTemplateVersions, paginateGetInstanceTypesFromInstanceRequirements, waitUntilInstanceExists, waitUntilInstanceRunning, waitUntilInstanceStopped, waitUntilInstanceTerminated, waitUntilKeyPairExists } from "@aws-sdk/client-ec2";
import * as api from "@aws-sdk/client-ec2";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const ec2 = new EC2Client({ region: "us-east-1" });
const sts = new STSClient({ region: "us-east-1" });
const seen = { shapes: {}, faults: {} };

// The JavaScript types at each path of an answer. Lists are walked through; a date that is none is "Invalid Date".
function shape(value, path, types) {
  if (Array.isArray(value)) return value.forEach((inner) => shape(inner, `${path}[]`, types));
  if (value instanceof Date) return (types[path] = Number.isNaN(value.getTime()) ? "Invalid Date" : "Date");
  if (value !== null && typeof value === "object") return Object.entries(value).forEach(([name, inner]) => shape(inner, `${path}.${name}`, types));
  types[path] = Number.isNaN(value) ? "NaN" : typeof value;
}

async function call(action, input = {}) {
  const { $metadata, ...answer } = await ec2.send(new api[`${action}Command`](input));
  if ($metadata.httpStatusCode !== 200 || !$metadata.requestId) throw new Error(`${action}: ${JSON.stringify($metadata)}`);
  seen.shapes[action] ??= {};
  shape(answer, "", seen.shapes[action]);
  return answer;
}

async function refused(name, action, input) {
  try {
    await call(action, input);
    seen.faults[name] = "done";
  } catch (error) {
    seen.faults[name] = { name: error.name, status: error.$metadata?.httpStatusCode, requestId: Boolean(error.$metadata?.requestId), fault: error instanceof api.EC2ServiceException };
  }
}

async function all(pages, member) {
  const found = [];
  for await (const page of pages) found.push(...page[member]);
  return found;
}

const patient = { client: ec2, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
const Name = `javascript-${process.pid}`;
const tags = (ResourceType) => ({ ResourceType, Tags: [{ Key: "Name", Value: Name }, { Key: "<&>", Value: "é 漢 \"'" }] });

const { Account, Arn } = await sts.send(new GetCallerIdentityCommand({}));
seen.identity = { Account, Arn };
for (const action of ["DescribeRegions", "DescribeAvailabilityZones", "DescribeVpcs", "DescribeSubnets", "DescribeSecurityGroups", "DescribeImages", "DescribeAccountAttributes"]) await call(action);
seen.types = (await all(paginateDescribeInstanceTypes({ client: ec2, pageSize: 20 }, {}), "InstanceTypes")).length;
await call("DescribeInstanceTypes", { InstanceTypes: ["t3.micro"] });
await call("DescribeInstanceTypeOfferings", { LocationType: "availability-zone" });
seen.offered = (await all(paginateDescribeInstanceTypeOfferings({ client: ec2, pageSize: 20 }, {}), "InstanceTypeOfferings")).length;
const required = { ArchitectureTypes: ["x86_64"], VirtualizationTypes: ["hvm"], InstanceRequirements: { VCpuCount: { Min: 2, Max: 4 }, MemoryMiB: { Min: 1024 } } };
await call("GetInstanceTypesFromInstanceRequirements", required);
seen.required = (await all(paginateGetInstanceTypesFromInstanceRequirements({ client: ec2, pageSize: 5 }, required), "InstanceTypes")).length;

const key = await call("CreateKeyPair", { KeyName: Name, KeyType: "ed25519", TagSpecifications: [tags("key-pair")] });
seen.key = key.KeyMaterial.startsWith("-----BEGIN");
await waitUntilKeyPairExists(patient, { KeyNames: [Name] });
await call("DescribeKeyPairs", { KeyNames: [Name], IncludePublicKey: true });
await call("CreatePlacementGroup", { GroupName: Name, Strategy: "partition", PartitionCount: 2 });
await call("DescribePlacementGroups", { GroupNames: [Name] });
await call("CreatePlacementGroup", { GroupName: `${Name}-apart`, Strategy: "spread", SpreadLevel: "rack", TagSpecifications: [tags("placement-group")] });

// Whatever a template's data can say comes back as it was given, typed, whether or not it can be launched.
const LaunchTemplateData = {
  ImageId: process.env.IMAGE, InstanceType: "t3.nano", KeyName: Name, EbsOptimized: false, DisableApiStop: false, UserData: "IyEvYmluL3NoCg==",
  BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeSize: 8, VolumeType: "gp3", Iops: 3000, Throughput: 125, DeleteOnTermination: true } }],
  InstanceMarketOptions: { MarketType: "spot", SpotOptions: { MaxPrice: "0.01", ValidUntil: new Date("2026-12-31T00:00:00Z"), BlockDurationMinutes: 60 } },
  InstanceRequirements: { VCpuCount: { Min: 1, Max: 2 }, MemoryMiB: { Min: 512 }, MemoryGiBPerVCpu: { Min: 0.5, Max: 2.5 } },
  MaintenanceOptions: { AutoRecovery: "disabled" }, MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
  NetworkInterfaces: [{ DeviceIndex: 0, AssociatePublicIpAddress: true, Groups: ["sg-1"] }], Monitoring: { Enabled: true },
  PrivateDnsNameOptions: { HostnameType: "resource-name", EnableResourceNameDnsARecord: true }, TagSpecifications: [tags("instance")],
};
const template = await call("CreateLaunchTemplate", { LaunchTemplateName: Name, LaunchTemplateData, VersionDescription: "all", TagSpecifications: [tags("launch-template")] });
const { LaunchTemplateId } = template.LaunchTemplate;
const launchable = { ImageId: process.env.IMAGE, InstanceType: "t3.nano", PrivateDnsNameOptions: LaunchTemplateData.PrivateDnsNameOptions };
await call("CreateLaunchTemplateVersion", { LaunchTemplateId, LaunchTemplateData: launchable });
await call("ModifyLaunchTemplate", { LaunchTemplateId, DefaultVersion: "2" });
await call("DescribeLaunchTemplates", { LaunchTemplateIds: [LaunchTemplateId] });
const versions = await call("DescribeLaunchTemplateVersions", { LaunchTemplateId, Versions: ["1"] });
const given = versions.LaunchTemplateVersions[0].LaunchTemplateData;
seen.template = [given.InstanceRequirements.MemoryGiBPerVCpu.Max, given.InstanceMarketOptions.SpotOptions.ValidUntil.toISOString(), given.NetworkInterfaces[0].Groups];
seen.templates = (await all(paginateDescribeLaunchTemplates({ client: ec2, pageSize: 1 }, { Filters: [{ Name: "launch-template-name", Values: [Name] }] }), "LaunchTemplates")).length;
seen.versions = (await all(paginateDescribeLaunchTemplateVersions({ client: ec2, pageSize: 1 }, { LaunchTemplateId }), "LaunchTemplateVersions")).length;

const launch = { ImageId: process.env.IMAGE, InstanceType: "t3.nano", MinCount: 2, MaxCount: 2, KeyName: Name, ClientToken: Name };
const placement = { Placement: { GroupName: Name, PartitionNumber: 2 } };
const launched = await call("RunInstances", { ...launch, ...placement, TagSpecifications: [tags("instance"), tags("volume")] });
const InstanceIds = launched.Instances.map((instance) => instance.InstanceId);
await waitUntilInstanceRunning(patient, { InstanceIds });
const described = await call("DescribeInstances", { InstanceIds });
const of_template = await call("RunInstances", { LaunchTemplate: { LaunchTemplateId, Version: "$Default" }, MinCount: 1, MaxCount: 1 });
const templated = of_template.Instances[0].InstanceId;
seen.named = of_template.Instances[0].PrivateDnsName === `${templated}.ec2.internal`;
await waitUntilInstanceExists(patient, { InstanceIds: [templated] });
await waitUntilInstanceRunning(patient, { InstanceIds: [templated] });
await call("GetLaunchTemplateData", { InstanceId: templated });
const instances = described.Reservations.flatMap((reservation) => reservation.Instances);
seen.tags = instances[0].Tags;
seen.paged = (await all(paginateDescribeInstances({ client: ec2, pageSize: 5 }, { Filters: [{ Name: "tag:Name", Values: [Name] }] }), "Reservations")).length;
for (const action of ["DescribeInstanceStatus", "DescribeVolumes", "DescribeNetworkInterfaces", "DescribeTags", "DescribeInstanceTopology", "DescribeInstanceCreditSpecifications"]) await call(action);
for (const Attribute of ["instanceType", "userData", "blockDeviceMapping", "groupSet", "sourceDestCheck"]) await call("DescribeInstanceAttribute", { InstanceId: InstanceIds[0], Attribute });
for (const action of ["GetConsoleOutput", "GetConsoleScreenshot", "GetPasswordData"]) await call(action, { InstanceId: InstanceIds[0] });
await call("ModifyInstanceMetadataOptions", { InstanceId: InstanceIds[0], HttpTokens: "required" });
await call("ModifyInstanceMaintenanceOptions", { InstanceId: InstanceIds[0], AutoRecovery: "disabled" });
await call("ModifyPrivateDnsNameOptions", { InstanceId: InstanceIds[0], EnableResourceNameDnsARecord: true });
await call("MonitorInstances", { InstanceIds });
await call("UnmonitorInstances", { InstanceIds });
const GroupId = instances[0].SecurityGroups[0].GroupId;
const IpPermissions = [{ IpProtocol: "tcp", FromPort: 8000, ToPort: 8001, IpRanges: [{ CidrIp: "192.0.2.0/24", Description: "a test" }] }];
await call("AuthorizeSecurityGroupIngress", { GroupId, IpPermissions });
await call("RevokeSecurityGroupIngress", { GroupId, IpPermissions });

await call("ModifyInstanceAttribute", { InstanceId: InstanceIds[0], Groups: [GroupId] });

await refused("undone", "RunInstances", { LaunchTemplate: { LaunchTemplateId, Version: "1" }, MinCount: 1, MaxCount: 1 });
await refused("version", "RunInstances", { LaunchTemplate: { LaunchTemplateId, Version: "9" }, MinCount: 1, MaxCount: 1 });
await refused("group", "DescribePlacementGroups", { GroupNames: ["nobody's"] });
await refused("inhabited", "DeletePlacementGroup", { GroupName: Name });
await refused("type", "DescribeInstanceTypes", { InstanceTypes: ["t3.enormous"] });
await refused("absent", "DescribeInstances", { InstanceIds: ["i-00000000000000000"] });
await refused("dry", "RunInstances", { ...launch, ClientToken: undefined, DryRun: true });
await refused("token", "RunInstances", { ...launch, MinCount: 1 });
await refused("filter", "DescribeVpcs", { Filters: [{ Name: "colour", Values: ["red"] }] });

await call("StopInstances", { InstanceIds });
await waitUntilInstanceStopped(patient, { InstanceIds });
await call("ModifyInstancePlacement", { InstanceId: InstanceIds[0], GroupName: `${Name}-apart` });
await call("ModifyInstanceCpuOptions", { InstanceId: InstanceIds[0], CoreCount: 1, ThreadsPerCore: 1 });
await call("TerminateInstances", { InstanceIds: [...InstanceIds, templated] });
await waitUntilInstanceTerminated(patient, { InstanceIds });
await waitUntilInstanceTerminated(patient, { InstanceIds: [templated] });
const deleted = await call("DeleteLaunchTemplateVersions", { LaunchTemplateId, Versions: ["1", "2", "9"] });
seen.deleted = deleted.UnsuccessfullyDeletedLaunchTemplateVersions.map((one) => [one.VersionNumber, one.ResponseError.Code]);
await call("DeleteLaunchTemplate", { LaunchTemplateId });
for (const GroupName of [Name, `${Name}-apart`]) await call("DeletePlacementGroup", { GroupName });
await call("DeleteKeyPair", { KeyName: Name });
console.log(JSON.stringify(seen));
