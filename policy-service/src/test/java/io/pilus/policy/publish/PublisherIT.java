package io.pilus.policy.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.NamedPort;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.Protocol;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdConfig;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.Transaction;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.policy.Replica;
import io.pilus.policy.compile.IntentState;
import io.pilus.policy.networkpolicy.NetworkPolicyDialect;
import io.pilus.policy.publish.Publication.DeposedException;
import io.pilus.policy.source.DocumentReader;
import io.pilus.testing.etcd.EtcdProcess;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.roaringbitmap.RoaringBitmap;

/** Leaders that crash between the transactions of a publication, or are deposed there. */
class PublisherIT {

    private static final int IDENTITIES = 200;
    private static final int DOCUMENTS = 40;

    private static EtcdProcess etcd;
    private static Client client;
    private static EtcdStore store;

    @BeforeAll
    static void start() throws Exception {
        etcd = EtcdProcess.start();
        EtcdConfig config = new SmallRyeConfigBuilder()
                .withMapping(EtcdConfig.class)
                .addDefaultInterceptors()
                .withDefaultValue("pilus.etcd.endpoints", String.join(",", etcd.endpoints()))
                .build()
                .getConfigMapping(EtcdConfig.class);
        client = EtcdClients.open(config);
        store = new EtcdStore(client, config);
    }

    @AfterAll
    static void stop() {
        client.close();
        etcd.close();
    }

    @AfterEach
    void clear() {
        etcd.clear();
    }

    @Test
    void whereverALeaderCrashesTheNextOneEndsAsAPublicationFromScratch() {
        int steps = 0;
        boolean crashed;
        do {
            clear();
            before();
            publish(new Publication(store, replica(), newTerm()));
            after();
            IntentState standby = replica();

            var first = new Publication(store, replica(), newTerm());
            crashed = true;
            for (int step = 0; step < steps && crashed; step++) {
                crashed = first.step();
            }
            assertMakesSense(steps);
            publish(new Publication(store, standby, newTerm()));

            Published taken = Published.read(store);
            assertThat(taken.compiled().getRevision()).isEqualTo(standby.revision());
            assertEqual(taken, fromScratch(), steps);
            steps++;
        } while (crashed);
        assertThat(steps).as("a publication of several transactions").isGreaterThan(4);
    }

    @Test
    void aLeaderThatCrashesBeforeAnotherChangeIsContinuedWithIt() {
        before();
        new Publication(store, replica(), newTerm()).step();

        after();
        publish(new Publication(store, replica(), newTerm()));

        assertEqual(Published.read(store), fromScratch(), 1);
    }

    @Test
    void aDeposedLeaderWritesNothing() {
        before();
        var deposed = new Publication(store, replica(), newTerm());
        deposed.step();
        newTerm();
        long revision = etcd.revision();

        assertThatThrownBy(deposed::step).isInstanceOf(DeposedException.class);

        assertThat(etcd.revision()).isEqualTo(revision);
    }

    @Test
    void whoeverTakesOverWhatIsWholeWritesNothing() {
        before();
        IntentState standby = replica();
        publish(new Publication(store, replica(), newTerm()));
        Term next = newTerm();
        long revision = etcd.revision();

        publish(new Publication(store, standby, next));

        assertThat(etcd.revision()).isEqualTo(revision);
    }

    /** Each number of a named port is a rule of its own: pods that come later make the compiled form grow. */
    @Test
    void aDocumentThatOutgrowsATransactionKeepsNothingElseFromBeingPublished() {
        before();
        Map<Key<?>, MessageLite> more = new HashMap<>();
        document(more, "grows", """
                {"podSelector": {"matchLabels": {"app": "a0"}}, "policyTypes": ["Egress"],
                 "egress": [{"to": [{"podSelector": {}}], "ports": [%s]}]}""".formatted(IntStream.range(0, 100)
                .mapToObj("{\"port\": \"p%d\"}"::formatted)
                .collect(Collectors.joining(","))));
        write(more);
        IntentState intent = replica();
        var publication = new Publication(store, intent, newTerm());
        publish(publication);
        assertThat(publication.tooLarge()).isEmpty();

        for (int pod = 0; pod < 250; pod++) {
            var labels = LabelSet.newBuilder().setNamespace("shop").putLabels("app", "ports");
            for (int port = 0; port < 100; port++) {
                labels.addPorts(NamedPort.newBuilder()
                        .setName("p" + port)
                        .setProtocol(Protocol.PROTOCOL_TCP)
                        .setPort(1000 + 100 * pod + port));
            }
            write(Map.of(
                    Keys.identity(5000 + pod),
                    Identity.newBuilder().setId(5000 + pod).setLabelSet(labels).build()));
        }
        intent.apply(snapshot());
        publish(publication);

        assertThat(publication.tooLarge()).singleElement().asString().startsWith(Keys.RULES.prefix());
        assertThat(compiled()).isEqualTo(intent.revision());
        assertThat(store.get(Keys.identityPolicy(5249))).isPresent();

        store.transaction()
                .delete(Keys.document("NetworkPolicy", "shop", "grows"))
                .commit();
        intent.apply(snapshot());
        publish(publication);

        assertThat(publication.tooLarge()).isEmpty();
        assertEqual(Published.read(store), fromScratch(), 0);
    }

    @Test
    void aStandbyPublishesNothingUntilItLeads() throws Exception {
        before();
        IntentState standbyIntent = replica();
        var leader = new Publisher(store, client, replica(), new Replica(Optional.of("one")));
        var standby = new Publisher(store, client, standbyIntent, new Replica(Optional.of("two")));
        leader.start(new StartupEvent());
        try {
            await().until(leader::leads);
            standby.start(new StartupEvent());
            await().until(() -> compiled() == standbyIntent.revision());
            after();
            standbyIntent.apply(snapshot());
            assertThat(standby.leads()).isFalse();
            assertThat(compiled()).isLessThan(standbyIntent.revision());
        } finally {
            leader.stop(new ShutdownEvent());
        }
        try {
            await().atMost(Duration.ofSeconds(20)).until(() -> compiled() == standbyIntent.revision());
            assertThat(standby.leads()).isTrue();
        } finally {
            standby.stop(new ShutdownEvent());
        }
        assertEqual(Published.read(store), fromScratch(), 0);
    }

    /** A cluster in which every document selects somebody. */
    private static void before() {
        Map<Key<?>, MessageLite> intent = new HashMap<>();
        namespace(intent, "shop", "a");
        namespace(intent, "bank", "b");
        for (int i = 0; i < IDENTITIES; i++) {
            identity(intent, i);
        }
        for (int i = 0; i < DOCUMENTS; i++) {
            document(intent, i, 80);
        }
        write(intent);
    }

    /** Of everything something comes, something changes and something goes. */
    private static void after() {
        Map<Key<?>, MessageLite> intent = new HashMap<>();
        namespace(intent, "bank", "a");
        for (int i = IDENTITIES; i < IDENTITIES * 2; i++) {
            identity(intent, i);
        }
        for (int i = DOCUMENTS / 2; i < DOCUMENTS * 2; i++) {
            document(intent, i, 81);
        }
        write(intent);
        Transaction gone = store.transaction();
        for (int i = 0; i < DOCUMENTS / 4; i++) {
            gone.delete(Keys.document("NetworkPolicy", "shop", "p" + i)).delete(Keys.identity(300 + i));
        }
        gone.commit();
    }

    private static void namespace(Map<Key<?>, MessageLite> intent, String name, String team) {
        intent.put(
                Keys.namespace(name),
                Namespace.newBuilder().setName(name).putLabels("team", team).build());
    }

    private static void identity(Map<Key<?>, MessageLite> intent, int i) {
        var labels = LabelSet.newBuilder()
                .setNamespace(i % 3 == 0 ? "bank" : "shop")
                .putLabels("app", "a" + i % 7)
                .putLabels("id", "i" + i);
        intent.put(
                Keys.identity(300 + i),
                Identity.newBuilder().setId(300 + i).setLabelSet(labels).build());
    }

    private static void document(Map<Key<?>, MessageLite> intent, int i, int port) {
        document(intent, "p" + i, """
                {"podSelector": {"matchLabels": {"app": "a%2$d"}},
                 "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "a%3$d"}}},
                                       {"namespaceSelector": {"matchLabels": {"team": "a"}}},
                                       {"ipBlock": {"cidr": "10.%1$d.0.0/16"}}],
                              "ports": [{"port": %4$d}]}]}""".formatted(i, i % 7, (i + port) % 7, port));
    }

    private static void document(Map<Key<?>, MessageLite> intent, String name, String spec) {
        String source = """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                 "metadata": {"name": "%s", "namespace": "shop"}, "spec": %s}""".formatted(name, spec);
        intent.put(
                Keys.document("NetworkPolicy", "shop", name),
                Document.newBuilder()
                        .setKind("NetworkPolicy")
                        .setNamespace("shop")
                        .setName(name)
                        .setSource(ByteString.copyFromUtf8(source))
                        .setOwner(Owner.OWNER_REST)
                        .build());
    }

    private static void write(Map<Key<?>, MessageLite> intent) {
        Transaction transaction = store.transaction();
        for (Map.Entry<Key<?>, MessageLite> entry : intent.entrySet()) {
            if (transaction.operations() == Transaction.MAX_OPERATIONS) {
                transaction.commit();
                transaction = store.transaction();
            }
            put(transaction, entry.getKey(), entry.getValue());
        }
        transaction.commit();
    }

    private static <M extends MessageLite> void put(Transaction transaction, Key<M> key, MessageLite value) {
        @SuppressWarnings("unchecked") // put under a key of its type
        M typed = (M) value;
        transaction.put(key, typed);
    }

    /** One that has seen all that {@code intent/} holds now. */
    private static IntentState replica() {
        var intent = new IntentState(new DocumentReader(List.of(new NetworkPolicyDialect())));
        intent.apply(snapshot());
        return intent;
    }

    private static EtcdChange.Snapshot snapshot() {
        List<EtcdChange.Entry> entries = new ArrayList<>();
        add(Keys.NAMESPACES, entries);
        add(Keys.IDENTITIES, entries);
        long revision = add(Keys.DOCUMENTS, entries);
        return new EtcdChange.Snapshot(entries, revision, null);
    }

    private static long add(KeyRange<?> range, List<EtcdChange.Entry> entries) {
        return store.forEach(
                range,
                found -> entries.add(new EtcdChange.Entry(
                        found.key(), ByteSequence.from(found.value().toByteArray()), found.modRevision())));
    }

    private static Term newTerm() {
        var key = Keys.leader(Publisher.SERVICE);
        store.transaction().delete(key).commit();
        return new Term(
                store.transaction()
                        .put(key, Leader.getDefaultInstance())
                        .commit()
                        .revision(),
                key);
    }

    private static void publish(Publication publication) {
        boolean more;
        do {
            more = publication.step();
        } while (more);
    }

    private static long compiled() {
        return store.get(Keys.COMPILED)
                .map(found -> found.value().getRevision())
                .orElse(0L);
    }

    /** Of any beginning: an identity's policies are there, and so are their sets. */
    private static void assertMakesSense(int steps) {
        Published published = Published.read(store);
        published
                .policiesOf()
                .forEach((identity, policies) -> assertThat(published.policies().keySet())
                        .as("policies of identity %d after %d steps", identity, steps)
                        .containsAll(policies));
        published
                .policies()
                .forEach((id, policy) -> policy.getRulesList()
                        .forEach(rule -> assertThat(published.sets())
                                .as("sets of policy %s after %d steps", id, steps)
                                .containsAll(rule.getPeerSetsList())));
    }

    private static void assertEqual(Published is, Published wanted, int steps) {
        assertThat(is.policiesOf()).as("after %d steps", steps).isEqualTo(wanted.policiesOf());
        assertThat(is.policies()).as("after %d steps", steps).isEqualTo(wanted.policies());
        assertThat(members(is)).as("after %d steps", steps).isEqualTo(members(wanted));
    }

    private static Map<String, Object> members(Published published) {
        Map<String, Object> members = new TreeMap<>();
        for (String set : published.sets()) {
            var addresses = published.peers().addresses(set);
            members.put(set, addresses == null ? published.peers().difference(set, new RoaringBitmap()) : addresses);
        }
        return members;
    }

    /** What there is when everything below {@code cluster/policy/} is gone and published anew. */
    private static Published fromScratch() {
        List<String> keys = new ArrayList<>();
        for (KeyRange<?> range : List.of(Keys.PEER_SETS, Keys.RULES, Keys.IDENTITY_POLICIES)) {
            store.forEach(range, found -> keys.add(found.key()));
        }
        keys.add(Keys.COMPILED.path());
        for (int from = 0; from < keys.size(); from += Transaction.MAX_OPERATIONS) {
            Transaction deletion = store.transaction();
            keys.subList(from, Math.min(keys.size(), from + Transaction.MAX_OPERATIONS))
                    .forEach(key -> deletion.delete(new Key<>(key, Compiled.parser())));
            deletion.commit();
        }
        publish(new Publication(store, replica(), newTerm()));
        return Published.read(store);
    }
}
