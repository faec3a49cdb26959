package io.pilus.etcd;

import com.google.protobuf.MessageLite;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.Txn;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Conditions and writes that etcd takes whole or not at all. At most {@link #MAX_OPERATIONS} writes, as many conditions, and
 * {@link #MAX_BYTES} bytes; no key is written twice. It is sent once: jetcd retries a transaction only when etcd cannot have seen it.
 */
public final class Transaction {

    /** What etcd takes by default ({@code --max-txn-ops}). */
    public static final int MAX_OPERATIONS = 128;

    /** Below etcd's limit of 1.5 MiB for a request. */
    public static final int MAX_BYTES = 1 << 20;

    private final KV kv;
    private final Duration timeout;
    private final StoreGuard guard;
    private final List<Cmp> conditions = new ArrayList<>();
    private final List<Op> operations = new ArrayList<>();
    private final List<Key<?>> reads = new ArrayList<>();
    private final List<Key<?>> otherwise = new ArrayList<>();
    private int bytes;

    Transaction(KV kv, Duration timeout, StoreGuard guard) {
        this.kv = kv;
        this.timeout = timeout;
        this.guard = guard;
    }

    /** Only if the key does not exist. */
    public Transaction ifAbsent(Key<?> key) {
        return condition(key, Cmp.Op.EQUAL, CmpTarget.version(0));
    }

    /** Only if the key exists. */
    public Transaction ifPresent(Key<?> key) {
        return condition(key, Cmp.Op.GREATER, CmpTarget.version(0));
    }

    /** Only if nobody has written the key since it was read. */
    public Transaction ifUnchanged(Versioned<?> seen) {
        conditions.add(new Cmp(EtcdStore.bytes(seen.key()), Cmp.Op.EQUAL, CmpTarget.modRevision(seen.modRevision())));
        return this;
    }

    /** Only if the key was last written at this revision. */
    public Transaction ifModRevision(Key<?> key, long modRevision) {
        return condition(key, Cmp.Op.EQUAL, CmpTarget.modRevision(modRevision));
    }

    /** Only if the key was created at this revision and has not been deleted since. */
    public Transaction ifCreateRevision(Key<?> key, long createRevision) {
        return condition(key, Cmp.Op.EQUAL, CmpTarget.createRevision(createRevision));
    }

    public <M extends MessageLite> Transaction put(Key<M> key, M value) {
        return put(key, value, PutOption.DEFAULT);
    }

    /** A value that goes when the lease does. */
    public <M extends MessageLite> Transaction put(Key<M> key, M value, long leaseId) {
        return put(key, value, PutOption.builder().withLeaseId(leaseId).build());
    }

    public Transaction delete(Key<?> key) {
        bytes += EtcdStore.bytes(key.path()).size();
        operations.add(Op.delete(EtcdStore.bytes(key.path()), DeleteOption.DEFAULT));
        return this;
    }

    /** Reads the keys, as of this transaction, when the conditions hold; see {@link TransactionResult#read}. */
    public Transaction getting(List<? extends Key<?>> keys) {
        return getting(keys, 0);
    }

    Transaction getting(List<? extends Key<?>> keys, long revision) {
        var option = GetOption.builder().withRevision(revision).build();
        for (Key<?> key : keys) {
            reads.add(key);
            operations.add(Op.get(EtcdStore.bytes(key.path()), option));
        }
        return this;
    }

    /** Reads the keys, as of this transaction, when the conditions do not hold: what stood in the way, without another round trip. */
    public Transaction orElseGetting(List<? extends Key<?>> keys) {
        otherwise.addAll(keys);
        return this;
    }

    /** How many operations it has so far. */
    public int operations() {
        return operations.size();
    }

    /** How many bytes of keys and values it has so far. */
    public int bytes() {
        return bytes;
    }

    /**
     * @throws EtcdUnavailableException when etcd does not answer: whether the transaction took place is then unknown
     * @throws StoreChangedException when another store answers than the one that this process works with
     * @throws EtcdRefusedException when etcd will not take it; nothing was written
     * @throws IllegalStateException when it is larger than allowed; nothing was sent
     */
    public TransactionResult commit() {
        Optional<StoreGuard.Known> store = guard.required();
        store.ifPresent(known -> conditions.add(
                new Cmp(EtcdStore.bytes(Keys.EPOCH.path()), Cmp.Op.EQUAL, CmpTarget.value(known.epoch()))));
        if (operations.size() > MAX_OPERATIONS || conditions.size() > MAX_OPERATIONS || bytes > MAX_BYTES) {
            throw new IllegalStateException("a transaction of " + operations.size() + " operations, "
                    + conditions.size()
                    + " conditions and " + bytes + " bytes; at most " + MAX_OPERATIONS + ", " + MAX_OPERATIONS + " and "
                    + MAX_BYTES + " are allowed: split it");
        }
        Txn txn = kv.txn();
        if (!conditions.isEmpty()) {
            txn = txn.If(conditions.toArray(Cmp[]::new));
        }
        txn = txn.Then(operations.toArray(Op[]::new));
        List<Key<?>> whenRefused = new ArrayList<>(otherwise);
        if (store.isPresent()) {
            whenRefused.add(Keys.EPOCH);
        }
        if (!whenRefused.isEmpty()) {
            txn = txn.Else(whenRefused.stream()
                    .map(key -> Op.get(EtcdStore.bytes(key.path()), GetOption.DEFAULT))
                    .toArray(Op[]::new));
        }
        TxnResponse response = EtcdCalls.await(txn.commit(), timeout, "transaction");
        List<@Nullable Versioned<?>> read = new ArrayList<>();
        List<Key<?>> wanted = response.isSucceeded() ? reads : otherwise;
        List<GetResponse> answers = response.getGetResponses();
        store.ifPresent(known ->
                guard.answered(known, response.getHeader(), response.isSucceeded() ? null : answers.getLast()));
        for (int i = 0; i < wanted.size(); i++) {
            Key<?> key = wanted.get(i);
            read.add(answers.get(i).getKvs().stream()
                    .findFirst()
                    .map(found -> EtcdStore.read(found, key.parser()))
                    .orElse(null));
        }
        return new TransactionResult(
                response.isSucceeded(), response.getHeader().getRevision(), read);
    }

    private <M extends MessageLite> Transaction put(Key<M> key, M value, PutOption option) {
        ByteSequence encoded = ByteSequence.from(value.toByteArray());
        bytes += EtcdStore.bytes(key.path()).size() + encoded.size();
        operations.add(Op.put(EtcdStore.bytes(key.path()), encoded, option));
        return this;
    }

    private Transaction condition(Key<?> key, Cmp.Op op, CmpTarget<?> target) {
        conditions.add(new Cmp(EtcdStore.bytes(key.path()), op, target));
        return this;
    }
}
