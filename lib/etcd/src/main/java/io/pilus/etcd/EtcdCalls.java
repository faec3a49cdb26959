package io.pilus.etcd;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.common.exception.EtcdException;
import io.etcd.jetcd.common.exception.EtcdExceptionFactory;
import io.etcd.jetcd.options.OptionsUtil;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waits for jetcd, with one timeout and few kinds of failure. */
public final class EtcdCalls {

    /** {@link EtcdClients} ends each call at its deadline; waiting a little longer gets to see that. */
    private static final Duration GRACE = Duration.ofMillis(500);

    private EtcdCalls() {}

    /**
     * @param timeout the deadline that the client gives its calls ({@link EtcdConfig#timeout})
     * @param what names the call in the exception
     * @throws EtcdUnavailableException when etcd was silent or cannot serve; says which
     * @throws EtcdRefusedException when etcd will not take the request
     */
    public static <T> T await(CompletableFuture<T> call, Duration timeout, String what) {
        return awaitFor(call, timeout.plus(GRACE), what);
    }

    static <T> T awaitFor(CompletableFuture<T> call, Duration wait, String what) {
        try {
            return call.get(wait.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EtcdUnavailableException("interrupted while waiting for etcd: " + what, e);
        } catch (TimeoutException e) {
            throw new EtcdUnavailableException("etcd did not answer within " + wait.toMillis() + " ms: " + what, e);
        } catch (ExecutionException e) {
            throw failure(EtcdExceptionFactory.toEtcdException(e.getCause() == null ? e : e.getCause()), what);
        }
    }

    private static RuntimeException failure(EtcdException cause, String what) {
        String reason = String.valueOf(cause.getMessage());
        return switch (cause.getErrorCode()) {
            case DEADLINE_EXCEEDED -> new EtcdUnavailableException("etcd did not answer in time: " + what, cause);
            case UNAVAILABLE, CANCELLED, UNKNOWN, ABORTED, INTERNAL, DATA_LOSS ->
                new EtcdUnavailableException("etcd cannot serve: " + what + ": " + reason, cause);
            case RESOURCE_EXHAUSTED ->
                reason.contains("exceeds maximum size")
                        ? new AnswerTooLargeException(what + ": " + reason, cause)
                        : new EtcdUnavailableException("etcd cannot serve: " + what + ": " + reason, cause);
            case OUT_OF_RANGE ->
                reason.contains("compacted")
                        ? new RevisionCompactedException(what + ": " + reason, cause)
                        : new EtcdRefusedException("etcd refused: " + what + ": " + reason, cause);
            case NOT_FOUND ->
                reason.contains("lease not found")
                        ? new LeaseLostException(what + ": " + reason, cause)
                        : new EtcdRefusedException("etcd refused: " + what + ": " + reason, cause);
            case INVALID_ARGUMENT,
                    ALREADY_EXISTS,
                    PERMISSION_DENIED,
                    UNAUTHENTICATED,
                    FAILED_PRECONDITION,
                    UNIMPLEMENTED -> new EtcdRefusedException("etcd refused: " + what + ": " + reason, cause);
        };
    }

    /** The first key behind all keys with this prefix. */
    static ByteSequence endOf(String prefix) {
        return OptionsUtil.prefixEndOf(EtcdStore.bytes(prefix));
    }
}
