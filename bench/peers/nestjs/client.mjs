// The client of the side "nestjs": ClientKafka.
import { ClientKafka } from '@nestjs/microservices';
import { firstValueFrom, timeout, toArray } from 'rxjs';
import { plan, run } from './load.mjs';
import { converse, firstFetch, kafka, settings, streamLength } from './program.mjs';

const { op, pattern, text } = settings;
const client = new ClientKafka({ ...kafka, subscribe: {}, producerOnlyMode: op === 'events' });
if (op !== 'events') client.subscribeToResponseOf(pattern);
await client.connect();
if (op !== 'events') await firstFetch(client.consumer);

function right(ok, got) {
  if (!ok) throw new Error(`wrong reply: ${String(got).slice(0, 40)}`);
}

const send = (data) => client.send(pattern, data).pipe(timeout({ each: 30_000 }));

const calls = {
  async sum() {
    const got = await firstValueFrom(send([1, 2, 3]));
    right(Number(got) === 6, got); // Nest reads a number on the wire as text
  },
  async echo() {
    const got = await firstValueFrom(send(text));
    right(got === text, got);
  },
  async stream() {
    const got = await firstValueFrom(send(streamLength).pipe(toArray()));
    right(got.length === streamLength && got.every((n, i) => Number(n) === i + 1), `${got.length}: ${got}`);
  },
  async events() {
    await firstValueFrom(client.emit(pattern, text), { defaultValue: null });
  },
};

await converse({ load: (words) => run(plan(words), calls[op]) }, () => client.close());
