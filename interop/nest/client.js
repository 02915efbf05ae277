import { createInterface } from 'node:readline';
import { ClientKafka } from '@nestjs/microservices';
import { timeout } from 'rxjs';
import { createTopics, firstFetch, kafka, parse, print, stopWith, topic } from './peer.js';

const { PATTERNS = '', REPLY_PARTITIONS } = process.env;
const patterns = PATTERNS.split(',').filter(Boolean).map(topic);

await createTopics(patterns.map((pattern) => `${pattern}.reply`), REPLY_PARTITIONS);
const client = new ClientKafka(kafka);
const stop = stopWith(() => client.close(), { onStdinEnd: false });
client.status.subscribe((status) => print({ status }));
patterns.forEach((pattern) => client.subscribeToResponseOf(pattern));
await client.connect();
await firstFetch(client.consumer);
print({ ready: true });

function call({ id, op, pattern, data, timeout: each }) {
  const result = client[op](topic(pattern), data);
  (each ? result.pipe(timeout({ each })) : result).subscribe({
    next: (value) => print({ id, next: value ?? null }),
    error: (error) => print({ id, error }),
    complete: () => print({ id, complete: true }),
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = parse(line);
  if (request.op === 'close') break;
  call(request);
}
await stop();
