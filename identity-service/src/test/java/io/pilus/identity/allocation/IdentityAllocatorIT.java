package io.pilus.identity.allocation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.etcd.jetcd.Client;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.FreedNumber;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NumberCursor;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.identity.Configs;
import io.pilus.identity.IdentityProblem;
import io.pilus.testing.etcd.EtcdProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Each interleaving that two replicas can have, one step at a time. */
class IdentityAllocatorIT {

    private static EtcdProcess etcd;
    private static Client client;

    private EtcdStore store;
    private IdentityAllocator one;
    private IdentityAllocator other;

    @BeforeAll
    static void start() {
        etcd = EtcdProcess.start();
        client = Configs.client(etcd);
    }

    @AfterAll
    static void stop() {
        client.close();
        etcd.close();
    }

    @BeforeEach
    void twoReplicas() {
        store = new EtcdStore(client, Configs.etcd(etcd));
        one = allocator(Map.of());
        other = allocator(Map.of());
    }

    @AfterEach
    void clear() {
        etcd.clear();
    }

    @Test
    void whoComesSecondGetsTheIdentityOfTheFirst() {
        Claim first = one.claim(set("web"));
        Claim second = other.claim(set("web"));
        one.granted(first, commit(first).revision());

        TransactionResult lost = commit(second);
        Claim again = other.refused(second, lost);

        assertThat(lost.succeeded()).isFalse();
        assertThat(again.id()).isEqualTo(first.id()).isNotEqualTo(second.id());
        assertThat(commit(again).succeeded()).isTrue();
        assertThat(store.get(Keys.identity(second.id()))).isEmpty();
    }

    @Test
    void oneNumberNeverGetsTwoLabelSets() {
        Claim first = one.claim(set("web"));
        Claim second = new Claim.Fresh(set("db"), other.claim(set("db")).hash(), first.id());
        one.granted(first, commit(first).revision());

        TransactionResult lost = commit(second);
        Claim again = other.refused(second, lost);

        assertThat(lost.succeeded()).isFalse();
        assertThat(again.id()).isNotEqualTo(first.id());
        assertThat(commit(again).succeeded()).isTrue();
    }

    @Test
    void aReplicaThatDiesBeforeItsTransactionLeavesNothing() {
        Claim lost = one.claim(set("web"));

        Claim claim = other.claim(set("web"));

        assertThat(commit(claim).succeeded()).isTrue();
        assertThat(store.listAll(Keys.IDENTITIES)).hasSize(1);
        assertThat(store.get(Keys.identity(lost.id()))).isEmpty();
    }

    @Test
    void aReplicaThatDiesAfterItsTransactionHasGivenTheNumber() {
        Claim written = one.claim(set("web"));
        commit(written);

        Claim claim = other.claim(set("web"));
        Claim again = other.refused(claim, commit(claim));

        assertThat(again.id()).isEqualTo(written.id());
    }

    @Test
    void anIdentityThatIsRetiredMeanwhileComesBackToLife() {
        Claim claim = granted(one, "web");
        Claim known = one.claim(set("web"));
        setState(claim.id(), IdentityState.IDENTITY_STATE_RETIRING);

        TransactionResult lost = commit(known);
        Claim again = one.refused(known, lost);
        TransactionResult won = commit(again);
        one.granted(again, won.revision());

        assertThat(lost.succeeded()).isFalse();
        assertThat(won.succeeded()).isTrue();
        assertThat(again.id()).isEqualTo(claim.id());
        assertThat(store.get(Keys.identity(claim.id())).orElseThrow().value().getState())
                .isEqualTo(IdentityState.IDENTITY_STATE_LIVE);
        assertThat(commit(one.claim(set("web"))).succeeded()).isTrue();
    }

    @Test
    void anIdentityThatIsDeletedMeanwhileGetsAnotherNumber() {
        Claim claim = granted(one, "web");
        Claim known = one.claim(set("web"));
        free(claim);

        TransactionResult lost = commit(known);
        Claim again = one.refused(known, lost);

        assertThat(lost.succeeded()).isFalse();
        assertThat(again.id()).isNotEqualTo(claim.id());
        assertThat(commit(again).succeeded()).isTrue();
    }

    @Test
    void aNumberThatHasComeBackWithAnotherLabelSetIsNotTakenForTheOldOne() {
        Claim old = granted(one, "web");
        Claim known = one.claim(set("web"));
        free(old);
        store.transaction().delete(Keys.freedNumber(old.id())).commit();
        Claim reused = new Claim.Fresh(set("db"), other.claim(set("db")).hash(), old.id());
        assertThat(commit(reused).succeeded()).isTrue();

        TransactionResult lost = commit(known);
        Claim again = one.refused(known, lost);

        assertThat(lost.succeeded()).isFalse();
        assertThat(again.id()).isNotEqualTo(old.id());
        assertThat(commit(again).succeeded()).isTrue();
    }

    @Test
    void aLabelSetThatHasMovedToAnotherNumberIsFollowed() {
        Claim old = granted(one, "web");
        Claim known = one.claim(set("web"));
        free(old);
        Claim moved = granted(other, "web");

        Claim again = one.refused(known, commit(known));

        assertThat(again.id()).isEqualTo(moved.id()).isNotEqualTo(old.id());
        assertThat(commit(again).succeeded()).isTrue();
    }

    @Test
    void aFreedNumberIsNotGivenAsLongAsItsNoteIsThere() {
        one = allocator(Map.of("pilus.identity.numbers.first", "256", "pilus.identity.numbers.last", "259"));
        List<Claim> claims = new ArrayList<>();
        for (String name : List.of("a", "b", "c", "d")) {
            claims.add(granted(one, name));
        }
        free(claims.get(2));

        assertThatThrownBy(() -> one.claim(set("e")))
                .isInstanceOf(IdentityProblem.class)
                .hasMessageContaining("256 to 259");
        store.transaction().delete(Keys.freedNumber(claims.get(2).id())).commit();
        Claim claim = one.claim(set("e"));

        assertThat(claim.id()).isEqualTo(claims.get(2).id());
        assertThat(commit(claim).succeeded()).isTrue();
    }

    @Test
    void aNumberFreedAfterItWasReservedIsNotGivenEither() {
        Claim claim = one.claim(set("web"));
        store.transaction()
                .put(
                        Keys.freedNumber(claim.id()),
                        FreedNumber.newBuilder().setId(claim.id()).build())
                .commit();

        TransactionResult lost = commit(claim);
        Claim again = one.refused(claim, lost);

        assertThat(lost.succeeded()).isFalse();
        assertThat(again.id()).isNotEqualTo(claim.id());
    }

    @Test
    void numbersAscendRoundTheSpace() {
        var small = Map.of(
                "pilus.identity.numbers.first", "300",
                "pilus.identity.numbers.last", "305",
                "pilus.identity.numbers.range", "2");
        one = allocator(small);
        List<Integer> given = new ArrayList<>();
        for (String name : List.of("a", "b", "c", "d")) {
            given.add(granted(one, name).id());
        }
        Claim freed = one.claim(set("a"));
        free(freed);
        store.transaction().delete(Keys.freedNumber(freed.id())).commit();
        for (String name : List.of("e", "f", "g")) {
            given.add(granted(one, name).id());
        }

        assertThat(given).containsExactly(300, 301, 302, 303, 304, 305, 300);
    }

    @Test
    void aCursorOutsideTheSpaceBeginsAnew() {
        store.transaction()
                .put(Keys.NUMBERS, NumberCursor.newBuilder().setNext(7).build())
                .commit();

        assertThat(one.claim(set("web")).id()).isEqualTo(256);
    }

    @Test
    void aNumberThatWasNotUsedIsTheNextOne() {
        Claim unused = one.claim(set("web"));
        one.unused(unused);

        assertThat(one.claim(set("db")).id()).isEqualTo(unused.id());
    }

    private IdentityAllocator allocator(Map<String, String> settings) {
        return new IdentityAllocator(store, Configs.identity(settings));
    }

    private Claim granted(IdentityAllocator allocator, String app) {
        Claim claim = allocator.claim(set(app));
        TransactionResult result = commit(claim);
        assertThat(result.succeeded()).isTrue();
        allocator.granted(claim, result.revision());
        return claim;
    }

    private TransactionResult commit(Claim claim) {
        Transaction transaction = store.transaction().orElseGetting(claim.reads());
        claim.addTo(transaction);
        return transaction.commit();
    }

    /** As the collector does. */
    private void free(Claim claim) {
        store.transaction()
                .delete(Keys.identity(claim.id()))
                .delete(Keys.labels(claim.hash()))
                .put(
                        Keys.freedNumber(claim.id()),
                        FreedNumber.newBuilder().setId(claim.id()).build())
                .commit();
    }

    private void setState(int id, IdentityState state) {
        Identity identity = store.get(Keys.identity(id)).orElseThrow().value();
        store.transaction()
                .put(Keys.identity(id), identity.toBuilder().setState(state).build())
                .commit();
    }

    private static LabelSet set(String app) {
        return LabelSet.newBuilder().setNamespace("shop").putLabels("app", app).build();
    }
}
