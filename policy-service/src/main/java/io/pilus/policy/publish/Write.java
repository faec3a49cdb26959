package io.pilus.policy.publish;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.PeerSet;
import io.pilus.etcd.Transaction;

/** One write below {@code cluster/policy/}, in the order in which writes must be made. */
sealed interface Write {

    Key<?> key();

    /** What it adds to a transaction. */
    default int bytes() {
        return key().path().length();
    }

    void into(Transaction transaction);

    record PutSet(String setId, PeerSet value) implements Write {
        @Override
        public Key<PeerSet> key() {
            return Keys.peerSet(setId);
        }

        @Override
        public int bytes() {
            return size(key(), value);
        }

        @Override
        public void into(Transaction transaction) {
            transaction.put(key(), value);
        }
    }

    record PutRules(String policyId, CompiledPolicy value) implements Write {
        @Override
        public Key<CompiledPolicy> key() {
            return Keys.rules(policyId);
        }

        @Override
        public int bytes() {
            return size(key(), value);
        }

        @Override
        public void into(Transaction transaction) {
            transaction.put(key(), value);
        }
    }

    record PutIdentity(int identity, IdentityPolicy value) implements Write {
        @Override
        public Key<IdentityPolicy> key() {
            return Keys.identityPolicy(identity);
        }

        @Override
        public int bytes() {
            return size(key(), value);
        }

        @Override
        public void into(Transaction transaction) {
            transaction.put(key(), value);
        }
    }

    record PutCompiled(Compiled value) implements Write {
        @Override
        public Key<Compiled> key() {
            return Keys.COMPILED;
        }

        @Override
        public int bytes() {
            return size(key(), value);
        }

        @Override
        public void into(Transaction transaction) {
            transaction.put(key(), value);
        }
    }

    record DeleteIdentity(int identity) implements Write {
        @Override
        public Key<?> key() {
            return Keys.identityPolicy(identity);
        }

        @Override
        public void into(Transaction transaction) {
            transaction.delete(key());
        }
    }

    record DeleteRules(String policyId) implements Write {
        @Override
        public Key<?> key() {
            return Keys.rules(policyId);
        }

        @Override
        public void into(Transaction transaction) {
            transaction.delete(key());
        }
    }

    record DeleteSet(String setId) implements Write {
        @Override
        public Key<?> key() {
            return Keys.peerSet(setId);
        }

        @Override
        public void into(Transaction transaction) {
            transaction.delete(key());
        }
    }

    private static int size(Key<?> key, MessageLite value) {
        return key.path().length() + value.getSerializedSize();
    }
}
