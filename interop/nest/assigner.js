import { createInterface } from 'node:readline';
import kafkajs from 'kafkajs';
import { parse, print } from './peer.js';

const partitions = new Map();
const cluster = {
  findTopicPartitionMetadata: (name) =>
    Array.from({ length: partitions.get(name) }, (_, partitionId) => ({ partitionId })),
};
const assigner = kafkajs.PartitionAssigners.roundRobin({ cluster });

async function deal({ id, members, topics }) {
  partitions.clear();
  for (const { name, count } of topics) partitions.set(name, count);
  const names = topics.map(({ name }) => name);
  const given = await assigner.assign({ members: members.map((memberId) => ({ memberId })), topics: names });
  const shares = given.map(({ memberId, memberAssignment }) => [memberId, memberAssignment.toString('base64')]);
  const metadata = assigner.protocol({ topics: names }).metadata.toString('base64');
  print({ id, next: { metadata, shares: Object.fromEntries(shares) } });
}

print({ ready: true });
for await (const line of createInterface({ input: process.stdin })) await deal(parse(line));
