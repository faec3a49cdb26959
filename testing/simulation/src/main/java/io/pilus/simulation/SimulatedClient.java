package io.pilus.simulation;

import com.google.protobuf.ByteString;
import io.etcd.jetcd.Auth;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.Cluster;
import io.etcd.jetcd.Election;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.Lease;
import io.etcd.jetcd.Lock;
import io.etcd.jetcd.Maintenance;
import io.etcd.jetcd.Txn;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.api.RangeRequest;
import io.etcd.jetcd.common.exception.EtcdException;
import io.etcd.jetcd.kv.CompactResponse;
import io.etcd.jetcd.kv.DeleteResponse;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.PutResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.TxnImpl;
import io.etcd.jetcd.options.CompactOption;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.TxnOption;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** Reads and transactions on a {@link SimulatedEtcd}: all that Pilus' {@code EtcdStore} asks of a client. */
final class SimulatedClient implements Client, KV {

    private final SimulatedEtcd etcd;
    private final Link link;

    SimulatedClient(SimulatedEtcd etcd, Link link) {
        this.etcd = etcd;
        this.link = link;
    }

    @Override
    public KV getKVClient() {
        return this;
    }

    @Override
    public CompletableFuture<GetResponse> get(ByteSequence key) {
        return get(key, GetOption.DEFAULT);
    }

    @Override
    public CompletableFuture<GetResponse> get(ByteSequence key, GetOption option) {
        RangeRequest request = RangeRequest.newBuilder()
                .setKey(bytes(key))
                .setRangeEnd(option.getEndKey().map(SimulatedClient::bytes).orElse(ByteString.EMPTY))
                .setLimit(option.getLimit())
                .setRevision(option.getRevision())
                .setKeysOnly(option.isKeysOnly())
                .setSortOrder(
                        RangeRequest.SortOrder.valueOf(option.getSortOrder().name()))
                .setSortTarget(
                        RangeRequest.SortTarget.valueOf(option.getSortField().name()))
                .build();
        return call(() -> new GetResponse(etcd.range(request), ByteSequence.EMPTY));
    }

    @Override
    public Txn txn() {
        return TxnImpl.newTxn(
                request -> call(() -> new TxnResponse(etcd.transaction(request), ByteSequence.EMPTY)),
                ByteSequence.EMPTY);
    }

    @Override
    public Txn txn(TxnOption option) {
        return txn();
    }

    @Override
    public void close() {}

    private <T> CompletableFuture<T> call(Supplier<T> action) {
        try {
            link.request();
            T answer = action.get();
            link.answer();
            return CompletableFuture.completedFuture(answer);
        } catch (EtcdException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private static ByteString bytes(ByteSequence key) {
        return ByteString.copyFrom(key.getBytes());
    }

    @Override
    public CompletableFuture<PutResponse> put(ByteSequence key, ByteSequence value) {
        throw unused();
    }

    @Override
    public CompletableFuture<PutResponse> put(ByteSequence key, ByteSequence value, PutOption option) {
        throw unused();
    }

    @Override
    public CompletableFuture<DeleteResponse> delete(ByteSequence key) {
        throw unused();
    }

    @Override
    public CompletableFuture<DeleteResponse> delete(ByteSequence key, DeleteOption option) {
        throw unused();
    }

    @Override
    public CompletableFuture<CompactResponse> compact(long revision) {
        throw unused();
    }

    @Override
    public CompletableFuture<CompactResponse> compact(long revision, CompactOption option) {
        throw unused();
    }

    @Override
    public Auth getAuthClient() {
        throw unused();
    }

    @Override
    public Cluster getClusterClient() {
        throw unused();
    }

    @Override
    public Maintenance getMaintenanceClient() {
        throw unused();
    }

    @Override
    public Lease getLeaseClient() {
        throw unused();
    }

    @Override
    public Watch getWatchClient() {
        throw unused();
    }

    @Override
    public Lock getLockClient() {
        throw unused();
    }

    @Override
    public Election getElectionClient() {
        throw unused();
    }

    private static UnsupportedOperationException unused() {
        return new UnsupportedOperationException("Pilus reads, and writes in transactions");
    }
}
