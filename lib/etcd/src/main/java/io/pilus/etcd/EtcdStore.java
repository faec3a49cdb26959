package io.pilus.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.options.GetOption;
import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The store, by typed keys. Reads are linearizable; every write is a {@link Transaction}. Calls block. */
@ApplicationScoped
public class EtcdStore {

    /** How many values one request of {@link #forEach} asks for. */
    private static final int PAGE = 1000;

    private final KV kv;
    private final Duration timeout;
    private final StoreGuard guard;

    @Inject
    public EtcdStore(Client client, EtcdConfig config, StoreGuard guard) {
        this.kv = client.getKVClient();
        this.timeout = config.timeout();
        this.guard = guard;
    }

    /** Without a channel that tells which store it is: whatever answers is believed. */
    public EtcdStore(Client client, EtcdConfig config) {
        this(client, config, new StoreGuard());
    }

    /**
     * @throws EtcdUnavailableException when etcd does not answer
     */
    public <M extends MessageLite> Optional<Versioned<M>> get(Key<M> key) {
        return get(GetOption.DEFAULT, key).getKvs().stream().findFirst().map(found -> read(found, key.parser()));
    }

    /** Several keys as of one revision; the result has the keys' order, with null for a key that does not exist. */
    public List<@Nullable Versioned<?>> getAll(List<? extends Key<?>> keys) {
        List<@Nullable Versioned<?>> all = new ArrayList<>(keys.size());
        long revision = 0;
        for (int from = 0; from < keys.size(); from += Transaction.MAX_OPERATIONS) {
            List<? extends Key<?>> some = keys.subList(from, Math.min(keys.size(), from + Transaction.MAX_OPERATIONS));
            TransactionResult result = transaction().getting(some, revision).commit();
            all.addAll(result.read());
            revision = from == 0 ? result.revision() : revision;
        }
        return all;
    }

    /**
     * One page of a range, in key order. It may hold fewer values than the limit and still not be the last: {@link Page#next} tells.
     *
     * @param from the first key wanted, or null to begin
     * @param revision what {@link Page#revision} said, or 0 for the newest
     * @throws RevisionCompactedException when that revision is no longer kept
     */
    public <M extends MessageLite> Page<M> list(KeyRange<M> range, @Nullable String from, int limit, long revision) {
        GetResponse response = range(range, from == null ? range.prefix() : from, limit, revision);
        List<Versioned<M>> items = new ArrayList<>(response.getKvs().size());
        for (KeyValue found : response.getKvs()) {
            items.add(read(found, range.parser()));
        }
        String next = response.isMore() ? items.getLast().key() + "\0" : null;
        return new Page<>(items, revision == 0 ? response.getHeader().getRevision() : revision, next);
    }

    /**
     * Every value of a range as of one revision, page by page.
     *
     * @return that revision
     * @throws RevisionCompactedException when it is compacted meanwhile; some values have been handed over by then
     */
    public <M extends MessageLite> long forEach(KeyRange<M> range, Consumer<Versioned<M>> consumer) {
        String from = null;
        long revision = 0;
        do {
            Page<M> page = list(range, from, PAGE, revision);
            page.items().forEach(consumer);
            from = page.next();
            revision = page.revision();
        } while (from != null);
        return revision;
    }

    /** Every value of a range, for ranges known to be small. */
    public <M extends MessageLite> List<Versioned<M>> listAll(KeyRange<M> range) {
        List<Versioned<M>> all = new ArrayList<>();
        forEach(range, all::add);
        return all;
    }

    /** The newest revision that wrote a key of the range which still exists; 0 when there is none. */
    public long newestWrite(KeyRange<?> range) {
        var option = GetOption.builder()
                .withRange(EtcdCalls.endOf(range.prefix()))
                .withSortField(GetOption.SortTarget.MOD)
                .withSortOrder(GetOption.SortOrder.DESCEND)
                .withLimit(1)
                .withKeysOnly(true)
                .build();
        return EtcdCalls.await(kv.get(bytes(range.prefix()), option), timeout, "newest of " + range).getKvs().stream()
                .mapToLong(KeyValue::getModRevision)
                .findFirst()
                .orElse(0);
    }

    /** A transaction to be filled and committed. */
    public Transaction transaction() {
        return new Transaction(kv, timeout, guard);
    }

    Duration timeout() {
        return timeout;
    }

    /** Asks for less when the values are so large that an answer does not fit. */
    private GetResponse range(KeyRange<?> range, String from, int limit, long revision) {
        for (int count = limit; ; count /= 2) {
            var option = GetOption.builder()
                    .withRange(EtcdCalls.endOf(range.prefix()))
                    .withLimit(count)
                    .withRevision(revision)
                    .build();
            try {
                return EtcdCalls.await(kv.get(bytes(from), option), timeout, "get " + range);
            } catch (AnswerTooLargeException e) {
                if (count == 1) {
                    throw e;
                }
            }
        }
    }

    private GetResponse get(GetOption option, Key<?> key) {
        return EtcdCalls.await(kv.get(bytes(key.path()), option), timeout, "get " + key);
    }

    static <M extends MessageLite> Versioned<M> read(KeyValue found, Parser<M> parser) {
        String key = found.getKey().toString(UTF_8);
        try {
            return new Versioned<>(
                    key,
                    parser.parseFrom(found.getValue().getBytes()),
                    found.getModRevision(),
                    found.getCreateRevision());
        } catch (InvalidProtocolBufferException e) {
            throw new UnreadableValueException(key, e);
        }
    }

    static ByteSequence bytes(String text) {
        return ByteSequence.from(text, UTF_8);
    }
}
