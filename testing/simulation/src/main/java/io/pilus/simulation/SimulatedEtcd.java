package io.pilus.simulation;

import static io.etcd.jetcd.common.exception.EtcdExceptionFactory.newEtcdException;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.api.Compare;
import io.etcd.jetcd.api.DeleteRangeRequest;
import io.etcd.jetcd.api.DeleteRangeResponse;
import io.etcd.jetcd.api.KeyValue;
import io.etcd.jetcd.api.PutRequest;
import io.etcd.jetcd.api.PutResponse;
import io.etcd.jetcd.api.RangeRequest;
import io.etcd.jetcd.api.RangeResponse;
import io.etcd.jetcd.api.RequestOp;
import io.etcd.jetcd.api.ResponseHeader;
import io.etcd.jetcd.api.ResponseOp;
import io.etcd.jetcd.api.TxnRequest;
import io.etcd.jetcd.api.TxnResponse;
import io.etcd.jetcd.common.exception.ErrorCode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * etcd in memory, as far as Pilus uses it: revisions, transactions, ranges at a revision, leases, history and compaction. Its
 * {@link #client clients} are jetcd's interfaces, so that whatever speaks to etcd speaks to this unchanged. One thread at a time.
 */
public final class SimulatedEtcd {

    /** The number by which every reply names this cluster. */
    private static final long CLUSTER = 0x51;

    /** One writing of a key; {@code value} is null for its deletion. */
    private record Version(
            long revision,
            long created,
            long count,
            long lease,
            @Nullable ByteString value) {}

    private final NavigableMap<String, List<Version>> keys = new TreeMap<>();
    private final List<List<Change>> history = new ArrayList<>();
    private final Map<Long, Set<String>> leases = new HashMap<>();
    private final Consumer<List<Change>> committed;
    private long revision = 1;
    private long compacted;
    private long lastLease;

    public SimulatedEtcd() {
        this(changes -> {});
    }

    /**
     * @param committed told of the changes of each revision as soon as they are there
     */
    public SimulatedEtcd(Consumer<List<Change>> committed) {
        this.committed = committed;
    }

    public long revision() {
        return revision;
    }

    /** A client whose calls go through the link. It has a {@link KV} and nothing else. */
    public Client client(Link link) {
        return new SimulatedClient(this, link);
    }

    /**
     * What one revision changed, in the order in which a watch has it: by key.
     *
     * @throws IllegalStateException when the revision is compacted
     */
    public List<Change> changes(long at) {
        if (at <= compacted) {
            throw new IllegalStateException("revision " + at + " is compacted");
        }
        return at < 2 ? List.of() : history.get((int) at - 2);
    }

    /** The oldest revision that can be watched from. */
    public long firstKept() {
        return compacted + 1;
    }

    /** Every key under the prefix as of now. */
    public List<Change> list(String prefix) {
        List<Change> found = new ArrayList<>();
        for (var entry : keys.subMap(prefix, prefix + Character.MAX_VALUE).entrySet()) {
            Version last = entry.getValue().getLast();
            if (last.value() != null) {
                found.add(new Change(entry.getKey(), ByteSequence.from(last.value()), last.revision()));
            }
        }
        return found;
    }

    /** Forgets what was overwritten or deleted up to a revision. */
    public void compact(long upTo) {
        if (upTo <= compacted || upTo > revision) {
            throw outOfRange(upTo <= compacted);
        }
        compacted = upTo;
        keys.values().removeIf(versions -> {
            while (versions.size() > 1 && versions.get(1).revision() <= upTo) {
                versions.removeFirst();
            }
            return versions.getFirst().value() == null
                    && versions.getFirst().revision() <= upTo
                    && versions.size() == 1;
        });
    }

    /** A lease that lives until it is {@link #revoke revoked}. */
    public long grant() {
        leases.put(++lastLease, new TreeSet<>());
        return lastLease;
    }

    /** Ends the lease, as expiry does: its keys go in one revision. */
    public void revoke(long lease) {
        Set<String> attached = leases.remove(lease);
        if (attached != null && !attached.isEmpty()) {
            Writing writing = new Writing();
            attached.forEach(writing::delete);
            writing.finish();
        }
    }

    RangeResponse range(RangeRequest request) {
        return range(request, revision);
    }

    TxnResponse transaction(TxnRequest request) {
        boolean succeeded = request.getCompareList().stream().allMatch(this::holds);
        List<RequestOp> operations = succeeded ? request.getSuccessList() : request.getFailureList();
        check(request.getSuccessList());
        check(request.getFailureList());
        for (RequestOp operation : operations) {
            if (operation.hasRequestRange()) {
                check(operation.getRequestRange().getRevision());
            } else if (operation.hasRequestPut()
                    && operation.getRequestPut().getLease() != 0
                    && !leases.containsKey(operation.getRequestPut().getLease())) {
                throw newEtcdException(ErrorCode.NOT_FOUND, "etcdserver: requested lease not found");
            }
        }
        Writing writing = new Writing();
        TxnResponse.Builder response = TxnResponse.newBuilder().setSucceeded(succeeded);
        for (RequestOp operation : operations) {
            response.addResponses(apply(operation, writing));
        }
        writing.finish();
        return response.setHeader(header()).build();
    }

    private ResponseOp apply(RequestOp operation, Writing writing) {
        ResponseOp.Builder response = ResponseOp.newBuilder();
        switch (operation.getRequestCase()) {
            case REQUEST_RANGE -> response.setResponseRange(range(operation.getRequestRange(), writing.next));
            case REQUEST_PUT -> {
                PutRequest put = operation.getRequestPut();
                writing.put(text(put.getKey()), put.getValue(), put.getLease());
                response.setResponsePut(PutResponse.newBuilder().setHeader(header()));
            }
            case REQUEST_DELETE_RANGE -> {
                boolean gone =
                        writing.delete(text(operation.getRequestDeleteRange().getKey()));
                response.setResponseDeleteRange(
                        DeleteRangeResponse.newBuilder().setHeader(header()).setDeleted(gone ? 1 : 0));
            }
            case REQUEST_TXN, REQUEST_NOT_SET -> throw new UnsupportedOperationException(operation.toString());
        }
        return response.build();
    }

    /** What is written together, under one revision; none is used up when nothing changes. */
    private final class Writing {

        private final long next = revision + 1;
        private final Map<String, Change> changes = new TreeMap<>();

        void put(String key, ByteString value, long lease) {
            List<Version> versions = keys.computeIfAbsent(key, _ -> new ArrayList<>(2));
            Version last = versions.isEmpty() ? null : versions.getLast();
            boolean exists = last != null && last.value() != null;
            release(key, last);
            if (lease != 0) {
                requireNonNull(leases.get(lease)).add(key);
            }
            versions.add(new Version(
                    next,
                    exists ? requireNonNull(last).created() : next,
                    exists ? requireNonNull(last).count() + 1 : 1,
                    lease,
                    value));
            changes.put(key, new Change(key, ByteSequence.from(value), next));
        }

        boolean delete(String key) {
            List<Version> versions = keys.get(key);
            if (versions == null || versions.getLast().value() == null) {
                return false;
            }
            release(key, versions.getLast());
            versions.add(new Version(next, 0, 0, 0, null));
            changes.put(key, new Change(key, null, next));
            return true;
        }

        void finish() {
            if (!changes.isEmpty()) {
                revision = next;
                List<Change> all = List.copyOf(changes.values());
                history.add(all);
                committed.accept(all);
            }
        }

        private void release(String key, @Nullable Version last) {
            if (last != null && last.lease() != 0) {
                Set<String> attached = leases.get(last.lease());
                if (attached != null) {
                    attached.remove(key);
                }
            }
        }
    }

    private boolean holds(Compare compare) {
        if (!compare.getRangeEnd().isEmpty()) {
            throw new UnsupportedOperationException("a comparison over a range");
        }
        List<Version> versions = keys.get(text(compare.getKey()));
        Version last = versions == null ? null : versions.getLast();
        boolean exists = last != null && last.value() != null;
        int order = switch (compare.getTarget()) {
            case VERSION -> Long.compare(exists ? requireNonNull(last).count() : 0, compare.getVersion());
            case CREATE -> Long.compare(exists ? requireNonNull(last).created() : 0, compare.getCreateRevision());
            case MOD -> Long.compare(exists ? requireNonNull(last).revision() : 0, compare.getModRevision());
            case VALUE, UNRECOGNIZED -> throw new UnsupportedOperationException(compare.toString());
        };
        return switch (compare.getResult()) {
            case EQUAL -> order == 0;
            case GREATER -> order > 0;
            case LESS -> order < 0;
            case NOT_EQUAL -> order != 0;
            case UNRECOGNIZED -> throw new UnsupportedOperationException(compare.toString());
        };
    }

    /** etcd refuses to write a key twice at once, on whichever side of the transaction. */
    private static void check(List<RequestOp> operations) {
        Set<String> put = new HashSet<>();
        for (RequestOp operation : operations) {
            if (operation.hasRequestPut()
                    && !put.add(text(operation.getRequestPut().getKey()))) {
                throw newEtcdException(ErrorCode.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request");
            }
        }
        for (RequestOp operation : operations) {
            DeleteRangeRequest delete = operation.getRequestDeleteRange();
            if (operation.hasRequestDeleteRange()) {
                if (!delete.getRangeEnd().isEmpty()) {
                    throw new UnsupportedOperationException("a deletion of a range");
                }
                if (put.contains(text(delete.getKey()))) {
                    throw newEtcdException(
                            ErrorCode.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request");
                }
            }
        }
    }

    private void check(long at) {
        if (at > revision || (at > 0 && at < compacted)) {
            throw outOfRange(at <= revision);
        }
    }

    private static RuntimeException outOfRange(boolean old) {
        return newEtcdException(
                ErrorCode.OUT_OF_RANGE,
                old
                        ? "etcdserver: mvcc: required revision has been compacted"
                        : "etcdserver: mvcc: required revision is a future revision");
    }

    private RangeResponse range(RangeRequest request, long newest) {
        check(request.getRevision());
        long at = request.getRevision() == 0 ? newest : request.getRevision();
        String from = text(request.getKey());
        Collection<Map.Entry<String, List<Version>>> candidates;
        if (request.getRangeEnd().isEmpty()) {
            List<Version> versions = keys.get(from);
            candidates = versions == null ? List.of() : List.of(Map.entry(from, versions));
        } else {
            String end = text(request.getRangeEnd());
            candidates = from.compareTo(end) < 0 ? keys.subMap(from, end).entrySet() : List.of();
        }
        List<KeyValue> found = new ArrayList<>();
        for (Map.Entry<String, List<Version>> candidate : candidates) {
            Version version = asOf(candidate.getValue(), at);
            if (version != null && version.value() != null) {
                KeyValue.Builder pair = KeyValue.newBuilder()
                        .setKey(ByteString.copyFrom(candidate.getKey(), ISO_8859_1))
                        .setCreateRevision(version.created())
                        .setModRevision(version.revision())
                        .setVersion(version.count())
                        .setLease(version.lease());
                if (!request.getKeysOnly()) {
                    pair.setValue(version.value());
                }
                found.add(pair.build());
            }
        }
        int count = found.size();
        sort(request, found);
        boolean more = request.getLimit() > 0 && count > request.getLimit();
        return RangeResponse.newBuilder()
                .setHeader(header())
                .addAllKvs(more ? found.subList(0, (int) request.getLimit()) : found)
                .setCount(count)
                .setMore(more)
                .build();
    }

    private static void sort(RangeRequest request, List<KeyValue> found) {
        if (request.getSortOrder() == RangeRequest.SortOrder.NONE) {
            return;
        }
        Comparator<KeyValue> order = switch (request.getSortTarget()) {
            case KEY -> Comparator.comparing(KeyValue::getKey, ByteString.unsignedLexicographicalComparator());
            case MOD -> Comparator.comparingLong(KeyValue::getModRevision);
            case CREATE -> Comparator.comparingLong(KeyValue::getCreateRevision);
            case VERSION -> Comparator.comparingLong(KeyValue::getVersion);
            case VALUE, UNRECOGNIZED -> throw new UnsupportedOperationException(request.toString());
        };
        found.sort(request.getSortOrder() == RangeRequest.SortOrder.DESCEND ? order.reversed() : order);
    }

    private static @Nullable Version asOf(List<Version> versions, long at) {
        for (int i = versions.size() - 1; i >= 0; i--) {
            if (versions.get(i).revision() <= at) {
                return versions.get(i);
            }
        }
        return null;
    }

    private ResponseHeader header() {
        return ResponseHeader.newBuilder()
                .setClusterId(CLUSTER)
                .setRevision(revision)
                .build();
    }

    private static String text(ByteString key) {
        return key.toString(ISO_8859_1);
    }
}
