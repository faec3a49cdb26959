package io.pilus.etcd;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.options.OptionsUtil;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waits for jetcd, with one timeout and one kind of failure. */
public final class EtcdCalls {

    private EtcdCalls() {}

    /**
     * @param what names the call in the exception
     * @throws EtcdUnavailableException when etcd was silent or refused; says which
     */
    public static <T> T await(CompletableFuture<T> call, Duration timeout, String what) {
        try {
            return call.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            call.cancel(true);
            Thread.currentThread().interrupt();
            throw new EtcdUnavailableException("interrupted while waiting for etcd: " + what, e);
        } catch (TimeoutException e) {
            call.cancel(true);
            throw new EtcdUnavailableException("etcd did not answer within " + timeout.toMillis() + " ms: " + what, e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new EtcdUnavailableException("etcd refused: " + what + ": " + cause.getMessage(), cause);
        }
    }

    /** The first key behind all keys with this prefix. */
    static ByteSequence endOf(String prefix) {
        return OptionsUtil.prefixEndOf(EtcdStore.bytes(prefix));
    }
}
