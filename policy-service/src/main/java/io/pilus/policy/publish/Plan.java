package io.pilus.policy.publish;

import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.PeerSet;
import io.pilus.etcd.Transaction;
import io.pilus.policy.compile.Changes;
import io.pilus.policy.compile.PolicyCompiler;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.IntConsumer;
import org.roaringbitmap.RoaringBitmap;

/**
 * The writes that make what is published equal, in effect, to what is compiled. Of any beginning of them a node can make
 * sense: sets before the rules that name them, rules before the identities that live under them, deletions last.
 */
final class Plan {

    /** Of the messages written here; nothing in them is newer. */
    static final int LEVEL = 1;

    /** The guard and the headers of a request want room as well. */
    private static final int MAX_BYTES = Transaction.MAX_BYTES - 4096;

    private final PolicyCompiler compiler;
    private final Published published;
    private final Changes changes;
    private final List<Write> puts = new ArrayList<>();
    private final List<Write> deletions = new ArrayList<>();
    private final Set<String> setsPut = new HashSet<>();
    private final Map<Integer, IdentityPolicy> identitiesPut = new HashMap<>();

    /**
     * What is to be written.
     *
     * @param transactions in order; none when everything is as it must be
     * @param tooLarge the keys that no transaction can hold; what is published under them stays
     */
    record Result(List<List<Write>> transactions, Set<String> tooLarge) {}

    private Plan(PolicyCompiler compiler, Published published) {
        this.compiler = compiler;
        this.published = published;
        this.changes = compiler.changes();
    }

    /**
     * @param revision of {@code intent/} that the compiler has
     */
    static Result of(PolicyCompiler compiler, Published published, long revision) {
        var compiled =
                Compiled.newBuilder().setRevision(revision).setLevel(LEVEL).build();
        return new Plan(compiler, published).transactions(compiled);
    }

    private Result transactions(Compiled compiled) {
        planSets();
        planRules();
        planIdentities();
        Set<String> tooLarge = new TreeSet<>();
        puts.removeIf(write -> write.bytes() > Transaction.MAX_BYTES
                && tooLarge.add(write.key().path()));
        List<Write> all = new ArrayList<>(puts);
        if (!all.isEmpty() || !deletions.isEmpty() || !compiled.equals(published.compiled())) {
            all.add(new Write.PutCompiled(compiled));
        }
        all.addAll(deletions);
        return new Result(pack(all), tooLarge);
    }

    private void planSets() {
        Map<String, RoaringBitmap> changed = new HashMap<>();
        for (String setId : candidates(changes.sets(), compiler.sets(), published.sets())) {
            PeerSet wanted = compiler.set(setId);
            if (wanted == null) {
                if (published.sets().contains(setId)) {
                    deletions.add(new Write.DeleteSet(setId));
                }
            } else if (!published.sets().contains(setId)) {
                putSet(setId, wanted);
            } else if (!wanted.hasAddresses()) {
                RoaringBitmap difference = published.peers().difference(setId, compiler.members(setId));
                difference.forEach((IntConsumer) id -> {
                    if (compiler.identity(id) != null) {
                        changed.computeIfAbsent(setId, _ -> new RoaringBitmap()).add(id);
                    }
                });
            }
        }
        planMembers(changed);
    }

    /** Members came or left: said by rewriting the sets or the identities, whichever are fewer. */
    private void planMembers(Map<String, RoaringBitmap> changed) {
        RoaringBitmap identities = new RoaringBitmap();
        changed.values()
                .forEach(members -> members.forEach((IntConsumer) id -> {
                    if (published.peers().isKnown(id)) {
                        identities.add(id);
                    }
                }));
        // an identity that is new says all of its sets itself
        changed.forEach((setId, members) -> members.and(identities));
        changed.values().removeIf(RoaringBitmap::isEmpty);
        if (identities.getCardinality() <= changed.size()) {
            identities.forEach((IntConsumer) this::putIdentity);
        } else {
            for (String setId : new TreeSet<>(changed.keySet())) {
                PeerSet wanted = compiler.set(setId);
                if (wanted != null) {
                    putSet(setId, wanted);
                }
            }
        }
    }

    private void putSet(String setId, PeerSet value) {
        if (setsPut.add(setId)) {
            puts.add(new Write.PutSet(setId, value));
        }
    }

    private void putIdentity(int id) {
        IdentityPolicy wanted = compiler.identity(id);
        if (wanted != null) {
            identitiesPut.put(id, wanted);
        }
    }

    private void planRules() {
        for (String policyId : candidates(
                changes.policies(),
                compiler.policies().keySet(),
                published.policies().keySet())) {
            CompiledPolicy wanted = compiler.policies().get(policyId);
            CompiledPolicy there = published.policies().get(policyId);
            if (wanted == null && there != null) {
                deletions.addFirst(new Write.DeleteRules(policyId));
            } else if (wanted != null && !wanted.equals(there)) {
                puts.add(new Write.PutRules(policyId, wanted));
            }
        }
    }

    private void planIdentities() {
        for (int id : candidates(
                changes.identities(),
                compiler.identities(),
                published.policiesOf().keySet())) {
            IdentityPolicy wanted = compiler.identity(id);
            @Nullable List<String> there = published.policiesOf().get(id);
            if (wanted == null && there != null) {
                deletions.addFirst(new Write.DeleteIdentity(id));
            } else if (wanted != null && !wanted.getPoliciesList().equals(there)) {
                identitiesPut.put(id, wanted);
            }
        }
        for (int id : new TreeSet<>(identitiesPut.keySet())) {
            IdentityPolicy wanted = identitiesPut.get(id);
            if (wanted != null) {
                puts.add(new Write.PutIdentity(id, wanted));
            }
        }
    }

    private <T extends Comparable<T>> Collection<T> candidates(
            Collection<T> changed, Collection<T> wanted, Collection<T> there) {
        Set<T> candidates = new TreeSet<>(changes.everything() ? wanted : changed);
        if (changes.everything()) {
            candidates.addAll(there);
        }
        return candidates;
    }

    private static List<List<Write>> pack(List<Write> writes) {
        List<List<Write>> transactions = new ArrayList<>();
        List<Write> current = new ArrayList<>();
        int bytes = 0;
        for (Write write : writes) {
            if (current.size() == Transaction.MAX_OPERATIONS || bytes + write.bytes() > MAX_BYTES) {
                if (!current.isEmpty()) {
                    transactions.add(current);
                }
                current = new ArrayList<>();
                bytes = 0;
            }
            current.add(write);
            bytes += write.bytes();
        }
        if (!current.isEmpty()) {
            transactions.add(current);
        }
        return transactions;
    }
}
