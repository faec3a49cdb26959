package io.pilus.identity.workload;

import static org.assertj.core.api.Assertions.assertThat;

import io.etcd.jetcd.Client;
import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Owner;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.identity.Configs;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.RestoreGate;
import io.pilus.identity.allocation.IdentityAllocator;
import io.pilus.identity.allocation.LabelFilter;
import io.pilus.testing.etcd.EtcdProcess;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Several replicas with clients of their own, many threads each, all after the same label sets. */
class WorkloadsUnderLoadIT {

    private static final int REPLICAS = 3;
    private static final int THREADS = 16;
    private static final int LABEL_SETS = 5_000;

    private final List<Client> clients = new ArrayList<>();
    private final List<Workloads> replicas = new ArrayList<>();
    private EtcdProcess etcd;
    private EtcdStore store;

    @BeforeEach
    void start() {
        etcd = EtcdProcess.start();
        IdentityConfig config = Configs.identity(Map.of("pilus.identity.numbers.range", "64"));
        for (int i = 0; i < REPLICAS; i++) {
            Client client = Configs.client(etcd);
            clients.add(client);
            var own = new EtcdStore(client, Configs.etcd(etcd));
            var floor = new PolicyFloor(own);
            replicas.add(new Workloads(
                    own,
                    new IdentityAllocator(own, config),
                    new LabelFilter(config),
                    floor,
                    new GroupCommit(own, floor),
                    new RestoreGate(new EpochStore(client, own, Configs.etcd(etcd))),
                    config));
        }
        store = new EtcdStore(clients.getFirst(), Configs.etcd(etcd));
        store.transaction()
                .put(
                        Keys.namespace("shop"),
                        Namespace.newBuilder().setName("shop").build())
                .put(Keys.intentNode("a"), Node.newBuilder().setName("a").build())
                .commit();
    }

    @AfterEach
    void stop() {
        clients.forEach(Client::close);
        etcd.close();
    }

    @Test
    void aLabelSetHasOneNumberAndANumberOneLabelSet() throws Exception {
        List<Future<?>> writers = write(2, (workloads, spec) -> workloads.create(Owner.OWNER_REST, spec));

        for (Future<?> writer : writers) {
            writer.get();
        }

        assertThat(store.listAll(Keys.workloadsOf("a"))).hasSize(2 * LABEL_SETS);
        assertThat(store.listAll(Keys.IDENTITIES)).hasSize(LABEL_SETS);
        assertConsistent();
    }

    @Test
    void anEtcdThatDiesInTheMidstLeavesNothingHalfDone() throws Exception {
        var failures = new ConcurrentLinkedQueue<String>();
        List<Future<?>> writers = write(1, (workloads, spec) -> {
            while (true) {
                try {
                    workloads.put(Owner.OWNER_REST, spec, null);
                    return;
                } catch (EtcdUnavailableException | EtcdRefusedException e) {
                    failures.add(String.valueOf(e.getMessage()));
                } catch (IdentityProblem e) {
                    failures.add(e.detail());
                }
            }
        });
        for (int i = 0; i < 3; i++) {
            Thread.sleep(700);
            etcd.kill();
            etcd.restart();
        }
        for (Future<?> writer : writers) {
            writer.get();
        }

        assertThat(failures).isNotEmpty();
        assertThat(store.listAll(Keys.WORKLOAD_LOCATIONS)).hasSize(LABEL_SETS);
        assertThat(store.listAll(Keys.workloadsOf("a"))).hasSize(LABEL_SETS);
        assertConsistent();
    }

    @FunctionalInterface
    private interface Write {
        void to(Workloads workloads, WorkloadSpec spec);
    }

    /** Each label set that many times, in random order, spread over all replicas and threads. */
    private List<Future<?>> write(int times, Write write) {
        List<WorkloadSpec> specs = new ArrayList<>();
        for (int i = 0; i < LABEL_SETS; i++) {
            for (int copy = 0; copy < times; copy++) {
                specs.add(new WorkloadSpec(
                        "shop", "w-" + i + "-" + copy, "a", Map.of("app", "app-" + i), List.of(), "", ""));
            }
        }
        long seed = System.nanoTime();
        System.out.println("WorkloadsUnderLoadIT: seed " + seed);
        Collections.shuffle(specs, new Random(seed));
        var next = new AtomicInteger();
        List<Future<?>> writers = new ArrayList<>();
        var executor = Executors.newVirtualThreadPerTaskExecutor();
        for (Workloads replica : replicas) {
            for (int thread = 0; thread < THREADS; thread++) {
                writers.add(executor.submit(() -> {
                    for (int i = next.getAndIncrement(); i < specs.size(); i = next.getAndIncrement()) {
                        write.to(replica, specs.get(i));
                    }
                }));
            }
        }
        executor.shutdown();
        return writers;
    }

    private void assertConsistent() {
        Map<Integer, LabelSet> byNumber = new HashMap<>();
        Set<String> hashes = new HashSet<>();
        store.forEach(Keys.IDENTITIES, found -> {
            Identity identity = found.value();
            assertThat(found.key()).isEqualTo(Keys.identity(identity.getId()).path());
            assertThat(hashes.add(LabelSets.hash(identity.getLabelSet())))
                    .as("label set of %d has another number too", identity.getId())
                    .isTrue();
            byNumber.put(identity.getId(), identity.getLabelSet());
        });
        Map<String, Integer> byHash = new HashMap<>();
        store.forEach(
                Keys.LABELS,
                found -> byHash.put(
                        Keys.LABELS.parts(found.key())[0], found.value().getId()));
        assertThat(byHash).hasSize(byNumber.size());
        byNumber.forEach(
                (id, set) -> assertThat(byHash.get(LabelSets.hash(set))).isEqualTo(id));
        store.forEach(Keys.workloadsOf("a"), found -> {
            assertThat(byNumber.get(found.value().getIdentity()))
                    .isEqualTo(found.value().getLabelSet());
            assertThat(store.get(Keys.workloadLocation("shop", found.value().getName()))
                            .orElseThrow()
                            .value()
                            .getUid())
                    .isEqualTo(found.value().getUid());
        });
    }
}
