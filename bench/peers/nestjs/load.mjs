// Keeps calls in flight and measures them, as internal/load does in Go.
import { setTimeout as sleep } from 'node:timers/promises';

export function plan(words) {
  const given = Object.fromEntries(words.map((word) => word.split('=')));
  return {
    inFlight: Number(given.in_flight ?? 1),
    duration: Number(given.duration_ms ?? 0) || Infinity,
    count: Number(given.count ?? 0) || Infinity,
    rate: Number(given.rate ?? 0),
  };
}

export async function run({ inFlight, duration, count, rate }, call) {
  const took = [];
  const begin = performance.now();
  let begun = 0;
  let failure;
  const worker = async () => {
    while (!failure) {
      const n = begun++;
      const due = rate > 0 ? begin + (n / rate) * 1000 : performance.now();
      if (n >= count || Math.max(due, performance.now()) - begin >= duration) return;
      const early = due - performance.now();
      if (early > 0) await sleep(early);
      try {
        await call();
      } catch (error) {
        failure ??= error;
      }
      took.push(performance.now() - due);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  if (failure) throw failure;
  return figures(Float64Array.from(took).sort(), performance.now() - begin);
}

function figures(sorted, took) {
  const ns = (ms) => Math.round((ms ?? 0) * 1e6);
  const quantile = (q) => ns(sorted[Math.max(Math.ceil(q * sorted.length), 1) - 1]);
  return {
    count: sorted.length,
    took_ns: ns(took),
    p50_ns: quantile(0.5),
    p99_ns: quantile(0.99),
    p999_ns: quantile(0.999),
    max_ns: quantile(1),
  };
}
