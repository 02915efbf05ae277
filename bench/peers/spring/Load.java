import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** Keeps calls in flight and measures them, as internal/load does in Go. */
final class Load {
    private final Supplier<CompletableFuture<?>> call;
    private final AtomicLong begun = new AtomicLong();
    private final CountDownLatch running;
    private final int inFlight;
    private final long duration;
    private final long count;
    private final double rate;
    private long[] took = new long[1 << 16];
    private int answered;
    private volatile Throwable failure;
    private long begin;

    Load(String[] words, Supplier<CompletableFuture<?>> call) {
        var given = Program.settings(words);
        this.call = call;
        inFlight = Integer.parseInt(given.getOrDefault("in_flight", "1"));
        duration = Long.parseLong(given.getOrDefault("duration_ms", "0")) * 1_000_000;
        count = Long.parseLong(given.getOrDefault("count", "0"));
        rate = Double.parseDouble(given.getOrDefault("rate", "0"));
        running = new CountDownLatch(inFlight);
    }

    String run() throws InterruptedException {
        begin = System.nanoTime();
        for (int i = 0; i < inFlight; i++) {
            if (rate > 0) {
                new Thread(this::worker).start();
            } else {
                next();
            }
        }
        running.await();
        if (failure != null) {
            throw new IllegalStateException(failure);
        }
        return figures(System.nanoTime() - begin);
    }

    /** Each answer begins the next call, on the thread that brought it. */
    private void next() {
        long due = due();
        if (due < 0) {
            running.countDown();
            return;
        }
        one().whenComplete((value, error) -> {
            record(due, error);
            next();
        });
    }

    /** The same with a schedule: a thread waits until the next call is due. */
    private void worker() {
        for (long due; (due = due()) >= 0; ) {
            for (long early; (early = due - (System.nanoTime() - begin)) > 0; ) {
                LockSupport.parkNanos(early);
            }
            var error = one().handle((value, e) -> e).join();
            record(due, error);
        }
        running.countDown();
    }

    private CompletableFuture<?> one() {
        try {
            return call.get();
        } catch (RuntimeException error) {
            return CompletableFuture.failedFuture(error);
        }
    }

    /** When the next call is due after the beginning; below 0 if there is none. */
    private long due() {
        long n = begun.getAndIncrement();
        long now = System.nanoTime() - begin;
        long due = rate > 0 ? (long) (n / rate * 1e9) : now;
        boolean end = failure != null || count > 0 && n >= count || duration > 0 && Math.max(due, now) >= duration;
        return end ? -1 : due;
    }

    private synchronized void record(long due, Throwable error) {
        if (error != null) {
            failure = error;
            return;
        }
        if (answered == took.length) {
            took = Arrays.copyOf(took, 2 * answered);
        }
        took[answered++] = System.nanoTime() - begin - due;
    }

    private String figures(long all) {
        Arrays.sort(took, 0, answered);
        return String.format("{\"count\":%d,\"took_ns\":%d,\"p50_ns\":%d,\"p99_ns\":%d,\"p999_ns\":%d,\"max_ns\":%d}",
            answered, all, quantile(0.5), quantile(0.99), quantile(0.999), quantile(1));
    }

    private long quantile(double q) {
        return answered == 0 ? 0 : took[Math.max((int) Math.ceil(q * answered), 1) - 1];
    }
}
