package dev.lorikeet.models.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An answer's bytes, taken piece by piece. Java's own streams of them wait for ever when a server
 * falls silent; this one does not.
 */
final class Body implements HttpResponse.BodySubscriber<Body>, AutoCloseable {
  /** One thing that happened: bytes, the end (both null), or an error. */
  private record Event(@Nullable List<ByteBuffer> bytes, @Nullable Throwable error) {}

  private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private Flow.@Nullable Subscription subscription;
  private boolean closed;

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
   * @throws IOException when the connection is cut, or nothing comes for {@code patience}
   */
  @Nullable List<ByteBuffer> next(Duration patience) throws IOException, InterruptedException {
    Event event = events.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
    if (event == null) {
      throw new HttpTimeoutException("nothing came for " + patience.toSeconds() + " s");
    }
    if (event.error() != null) {
      throw event.error() instanceof IOException e ? e : new IOException(event.error());
    }
    if (event.bytes() != null) {
      requestMore();
    }
    return event.bytes();
  }

  private synchronized void requestMore() {
    if (subscription != null) {
      subscription.request(1);
    }
  }

  /** All bytes, of which there may be {@code limit} at most. */
  byte[] all(int limit, Duration patience) throws IOException, InterruptedException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (List<ByteBuffer> bytes = next(patience); bytes != null; bytes = next(patience)) {
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
