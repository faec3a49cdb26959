package io.pilus.policy.publish;

import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.policy.compile.IntentState;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/** What one leader does in one term: it reads what is published, then writes what differs, transaction by transaction. */
final class Publication {

    private final EtcdStore store;
    private final IntentState intent;
    private final Leadership.Term term;
    private final Published published;
    private final Deque<List<Write>> pending = new ArrayDeque<>();
    private Set<String> tooLarge = Set.of();

    /** The term is over: whoever leads now goes on. */
    static final class DeposedException extends RuntimeException {
        DeposedException() {
            super("the term is over");
        }
    }

    Publication(EtcdStore store, IntentState intent, Leadership.Term term) {
        this.store = store;
        this.intent = intent;
        this.term = term;
        this.published = Published.read(store);
        intent.with(compiler -> {
            compiler.changes().all();
            return compiler;
        });
    }

    /**
     * Commits the next transaction, if one is due.
     *
     * @return whether there may be more to do at once
     * @throws DeposedException when another leads, or nobody
     */
    boolean step() {
        if (pending.isEmpty()) {
            plan();
        }
        List<Write> writes = pending.poll();
        if (writes == null) {
            return false;
        }
        Transaction transaction = term.guard(store.transaction());
        writes.forEach(write -> write.into(transaction));
        TransactionResult result = transaction.commit();
        if (!result.succeeded()) {
            throw new DeposedException();
        }
        writes.forEach(write -> published.put(write, result.revision()));
        return true;
    }

    /** The keys that cannot be published, as no transaction can hold them. */
    Set<String> tooLarge() {
        return tooLarge;
    }

    private void plan() {
        intent.with(compiler -> {
            long revision = intent.revision();
            if (revision > 0 && !compiler.changes().isEmpty()) {
                if (!tooLarge.isEmpty()) {
                    compiler.changes().all();
                }
                Plan.Result plan = Plan.of(compiler, published, revision);
                pending.addAll(plan.transactions());
                tooLarge = plan.tooLarge();
                compiler.changesTaken();
            }
            return pending;
        });
    }
}
