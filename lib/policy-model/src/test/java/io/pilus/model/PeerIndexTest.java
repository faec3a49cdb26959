package io.pilus.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.v1.PeerSet;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.roaringbitmap.RoaringBitmap;

class PeerIndexTest {

    private final PeerIndex index = new PeerIndex();

    @Test
    void aNewSetCarriesItsMembersAndANewIdentityItsSets() {
        index.putIdentity(256, List.of(), 1);

        assertThat(index.putSet("web", set(256, 257), 2).toArray()).containsExactly(256);
        assertThat(index.putIdentity(258, List.of("web"), 3)).containsExactly("web");

        assertThat(members("web")).containsExactly(256, 258);
    }

    @Test
    void theYoungerOfTheTwoKeysDecides() {
        index.putSet("web", set(256), 5);

        index.putIdentity(256, List.of(), 4);
        assertThat(members("web")).containsExactly(256);

        assertThat(index.putIdentity(256, List.of(), 6)).containsExactly("web");
        assertThat(members("web")).isEmpty();

        assertThat(index.putSet("web", set(256), 7).toArray()).containsExactly(256);
        assertThat(index.setsOf(256)).containsExactly("web");
    }

    @Test
    void anIdentityWithoutAKeyIsNotKnownAndInNoSet() {
        index.putSet("web", set(256), 5);
        index.putIdentity(256, List.of("web"), 6);

        assertThat(index.removeIdentity(256)).containsExactly("web");

        assertThat(index.isKnown(256)).isFalse();
        assertThat(members("web")).isEmpty();
    }

    @Test
    void reservedIdentitiesNeedNoKey() {
        index.putSet("nodes", set(Identities.REMOTE_NODE), 5);

        assertThat(members("nodes")).containsExactly(Identities.REMOTE_NODE);
    }

    @Test
    void membersThatAreNoBitmapAreRefused() {
        PeerSet broken = PeerSet.newBuilder()
                .setIdentities(ByteString.copyFromUtf8("nonsense"))
                .build();

        assertThatThrownBy(() -> index.putSet("web", broken, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("web");
    }

    @Test
    void theOrderInWhichKeysAreReadDoesNotMatter() {
        for (int seed = 0; seed < 300; seed++) {
            var random = new Random(seed);
            Map<String, Long> setRevisions = new HashMap<>();
            Map<String, RoaringBitmap> written = new HashMap<>();
            Map<Integer, Long> identityRevisions = new HashMap<>();
            Map<Integer, List<String>> claims = new HashMap<>();
            for (int s = 0; s < 5; s++) {
                setRevisions.put("set" + s, 1L + random.nextInt(10));
                RoaringBitmap members = new RoaringBitmap();
                for (int i = 256; i < 264; i++) {
                    if (random.nextBoolean()) {
                        members.add(i);
                    }
                }
                written.put("set" + s, members);
            }
            for (int i = 256; i < 264; i++) {
                long revision = 1L + random.nextInt(10);
                identityRevisions.put(i, revision);
                List<String> own = new ArrayList<>();
                for (String set : setRevisions.keySet()) {
                    // at one revision both say the same
                    if (revision == setRevisions.getOrDefault(set, 0L)
                            ? written.getOrDefault(set, new RoaringBitmap()).contains(i)
                            : random.nextBoolean()) {
                        own.add(set);
                    }
                }
                claims.put(i, own);
            }
            List<Object> keys = new ArrayList<>(setRevisions.keySet());
            keys.addAll(identityRevisions.keySet());
            Collections.shuffle(keys, random);

            var read = new PeerIndex();
            for (Object key : keys) {
                if (key instanceof String set) {
                    read.putSet(
                            set,
                            set(written.getOrDefault(set, new RoaringBitmap()).toArray()),
                            setRevisions.getOrDefault(set, 0L));
                } else if (key instanceof Integer identity) {
                    read.putIdentity(
                            identity,
                            claims.getOrDefault(identity, List.of()),
                            identityRevisions.getOrDefault(identity, 0L));
                }
            }

            for (String set : setRevisions.keySet()) {
                TreeSet<Integer> expected = new TreeSet<>();
                identityRevisions.forEach((identity, revision) -> {
                    boolean holds = revision >= setRevisions.getOrDefault(set, 0L)
                            ? claims.getOrDefault(identity, List.of()).contains(set)
                            : written.getOrDefault(set, new RoaringBitmap()).contains(identity);
                    if (holds) {
                        expected.add(identity);
                    }
                });
                assertThat(members(read, set)).as("seed %d, %s", seed, set).containsExactlyElementsOf(expected);
                for (int identity : identityRevisions.keySet()) {
                    assertThat(read.setsOf(identity).contains(set)).isEqualTo(expected.contains(identity));
                }
            }
        }
    }

    private List<Integer> members(String set) {
        return members(index, set);
    }

    private static List<Integer> members(PeerIndex index, String set) {
        List<Integer> members = new ArrayList<>();
        var found = index.identities(set);
        if (found != null) {
            found.forEach((org.roaringbitmap.IntConsumer) members::add);
        }
        return members;
    }

    private static PeerSet set(int... members) {
        var bytes = new ByteArrayOutputStream();
        try {
            RoaringBitmap.bitmapOf(members).serialize(new DataOutputStream(bytes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return PeerSet.newBuilder()
                .setIdentities(ByteString.copyFrom(bytes.toByteArray()))
                .build();
    }
}
