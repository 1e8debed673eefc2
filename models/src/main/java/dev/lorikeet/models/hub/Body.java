package dev.lorikeet.models.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An answer's bytes, taken piece by piece. Java's own streams of them wait for ever when a server
 * falls silent or trickles; this one does not.
 */
final class Body implements HttpResponse.BodySubscriber<Body>, AutoCloseable {
  /** One thing that happened: bytes, the end (both null), or an error. */
  private record Event(@Nullable List<ByteBuffer> bytes, @Nullable Throwable error) {}

  /** Fewer bytes than this within {@link HubSettings#patience()} do not count as progress. */
  static final int PROGRESS = 1 << 16;

  private final HubSettings settings;
  private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private Flow.@Nullable Subscription subscription;
  private boolean closed;

  /**
   * What was waited for the last {@link #trickled} bytes; the time in which they are used is not.
   */
  private long waitedNanos;

  private long trickled;

  Body(HubSettings settings) {
    this.settings = settings;
  }

  @Override
  public CompletionStage<Body> getBody() {
    return CompletableFuture.completedFuture(this);
  }

  @Override
  public synchronized void onSubscribe(Flow.Subscription newSubscription) {
    subscription = newSubscription;
    if (closed) {
      newSubscription.cancel();
    } else {
      newSubscription.request(1);
    }
  }

  @Override
  public void onNext(List<ByteBuffer> bytes) {
    events.add(new Event(bytes, null));
  }

  @Override
  public void onError(Throwable error) {
    events.add(new Event(null, error));
  }

  @Override
  public void onComplete() {
    events.add(new Event(null, null));
  }

  /**
   * The next bytes, or null at the end.
   *
   * @throws IOException when the connection is cut, nothing comes for {@link
   *     HubSettings#timeout()}, or too little for {@link HubSettings#patience()}
   */
  @Nullable List<ByteBuffer> next() throws IOException, InterruptedException {
    Duration timeout = settings.timeout();
    long start = System.nanoTime();
    Event event = events.poll(timeout.toMillis(), TimeUnit.MILLISECONDS);
    if (event == null) {
      throw new HttpTimeoutException("nothing came for " + timeout.toSeconds() + " s");
    }
    if (event.error() != null) {
      throw event.error() instanceof IOException e ? e : new IOException(event.error());
    }
    if (event.bytes() != null) {
      mustNotTrickle(event.bytes(), System.nanoTime() - start);
      requestMore();
    }
    return event.bytes();
  }

  private void mustNotTrickle(List<ByteBuffer> bytes, long nanos) throws IOException {
    waitedNanos += nanos;
    trickled += bytes.stream().mapToLong(ByteBuffer::remaining).sum();
    if (trickled >= PROGRESS) {
      waitedNanos = 0;
      trickled = 0;
    } else if (waitedNanos > settings.patience().toNanos()) {
      throw new HttpTimeoutException(
          String.format(Locale.ROOT, "only %,d bytes came in %.1f s", trickled, waitedNanos / 1e9));
    }
  }

  private synchronized void requestMore() {
    if (subscription != null) {
      subscription.request(1);
    }
  }

  /** All bytes, of which there may be {@code limit} at most. */
  byte[] all(int limit) throws IOException, InterruptedException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (List<ByteBuffer> bytes = next(); bytes != null; bytes = next()) {
      for (ByteBuffer buffer : bytes) {
        byte[] part = new byte[buffer.remaining()];
        buffer.get(part);
        all.writeBytes(part);
      }
      if (all.size() > limit) {
        throw HubFailure.refused("the hub's answer is longer than " + limit + " bytes");
      }
    }
    return all.toByteArray();
  }

  /** Wants no more: what has not come is not sent. */
  @Override
  public synchronized void close() {
    closed = true;
    if (subscription != null) {
      subscription.cancel();
    }
  }
}
