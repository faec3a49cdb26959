package io.pilus.identity.allocation;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.NumberCursor;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Page;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.IdentityProblem;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Numbers that look free, ascending round the space. Replicas reserve ranges so that they do not try the same ones; that a number
 * is free is decided by the transaction that takes it.
 */
final class Numbers {

    private final EtcdStore store;
    private final int first;
    private final int last;
    private final int range;
    private final int attempts;
    private final Lock lock = new ReentrantLock();
    private final Deque<Integer> free = new ArrayDeque<>();

    Numbers(EtcdStore store, IdentityConfig config) {
        this.store = store;
        this.first = config.numbers().first();
        this.last = config.numbers().last();
        this.range = config.numbers().range();
        this.attempts = config.attempts();
    }

    /**
     * A number that nobody else tries at the same time.
     *
     * @throws IdentityProblem when there is none in the whole space
     */
    int next() {
        lock.lock();
        try {
            Integer number = free.pollFirst();
            if (number == null) {
                refill();
                number = free.removeFirst();
            }
            return number;
        } finally {
            lock.unlock();
        }
    }

    /** The number was not taken after all; only for one whose transaction is known not to have taken place. */
    void giveBack(int number) {
        lock.lock();
        try {
            free.addFirst(number);
        } finally {
            lock.unlock();
        }
    }

    private void refill() {
        long space = (long) last - first + 1;
        for (long seen = 0; seen < space && free.isEmpty(); ) {
            int begin = reserve();
            int end = (int) Math.min((long) begin + range, (long) last + 1);
            BitSet used = new BitSet(end - begin);
            mark(Keys.IDENTITIES, Keys.identity(begin), begin, end, used);
            mark(Keys.FREED_NUMBERS, Keys.freedNumber(begin), begin, end, used);
            for (int number = begin; number < end; number++) {
                if (!used.get(number - begin)) {
                    free.addLast(number);
                }
            }
            seen += end - begin;
        }
        if (free.isEmpty()) {
            throw IdentityProblem.identitiesExhausted(first, last);
        }
    }

    /** The first number of a range that is now this replica's to try. */
    private int reserve() {
        for (int attempt = 0; attempt < attempts; attempt++) {
            Optional<Versioned<NumberCursor>> seen = store.get(Keys.NUMBERS);
            int next = seen.map(cursor -> cursor.value().getNext()).orElse(first);
            int begin = next < first || next > last ? first : next;
            long end = (long) begin + range;
            var transaction = store.transaction()
                    .put(
                            Keys.NUMBERS,
                            NumberCursor.newBuilder()
                                    .setNext(end > last ? first : (int) end)
                                    .build());
            seen.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(Keys.NUMBERS));
            if (transaction.commit().succeeded()) {
                return begin;
            }
        }
        throw IdentityProblem.contended("the numbers of identities");
    }

    private <M extends MessageLite> void mark(KeyRange<M> keys, Key<M> from, int begin, int end, BitSet used) {
        @Nullable String next = from.path();
        long revision = 0;
        while (next != null) {
            Page<M> page = store.list(keys, next, 1000, revision);
            for (Versioned<M> found : page.items()) {
                int number = Keys.identityNumber(keys.parts(found.key())[0]);
                if (number >= end) {
                    return;
                }
                used.set(number - begin);
            }
            next = page.next();
            revision = page.revision();
        }
    }
}
