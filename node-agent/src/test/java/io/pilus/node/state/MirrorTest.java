package io.pilus.node.state;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.etcd.StoreId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MirrorTest {

    private static final StoreId KNOWN = new StoreId("7c1f", 0, 0xabcL);
    private static final StoreId RESTORED = new StoreId("7c1f", 1, 0xbcdL);

    @TempDir
    Path directory;

    @Test
    void aMissingKeySaysNothingBeforeTheFirstFullSync() throws IOException {
        try (Mirror mirror = open()) {
            assertThat(mirror.whole()).isFalse();
            assertThat(mirror.advance(new Update(4, List.of(entry("/a", 4)), List.of())))
                    .isEmpty();
            assertThat(mirror.entries()).isEmpty();
        }
    }

    @Test
    void theFirstStoreIsTheKnownOne() throws IOException {
        try (Mirror mirror = open()) {
            Optional<Delta> delta = mirror.replace(KNOWN, 7, List.of(entry("/a", 3)));

            assertThat(delta).contains(new Delta(7, List.of(new Delta.Put(entry("/a", 3), null)), List.of()));
            assertThat(mirror.store()).contains(KNOWN);
            assertThat(mirror.revision()).isEqualTo(7);
        }
    }

    @Test
    void aSnapshotOfTheKnownStoreTellsWhatVanished() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3), entry("/b", 4), entry("/c", 5))) {
            Optional<Delta> delta =
                    mirror.replace(KNOWN, 20, List.of(entry("/a", 3), entry("/c", 15), entry("/d", 16)));

            assertThat(delta)
                    .contains(new Delta(
                            20,
                            List.of(
                                    new Delta.Put(entry("/c", 15), entry("/c", 5)),
                                    new Delta.Put(entry("/d", 16), null)),
                            List.of(entry("/b", 4))));
        }
    }

    @Test
    void aStoreWithAnotherClusterIdIsAStranger() throws IOException {
        assertStranger(new StoreId("ffff", 0, 0xabcL), 99, "the store is ffff");
    }

    @Test
    void aRestoredStoreIsAStranger() throws IOException {
        assertStranger(RESTORED, 99, "the store was restored from a backup (7c1f/0/abc is 7c1f/1/bcd now)");
    }

    @Test
    void aRestoredStoreIsFollowedBesideTheKnownOneUntilItIsAdopted() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3), entry("/b", 4), entry("/c", 5))) {
            mirror.replace(RESTORED, 1010, List.of(entry("/a", 3), entry("/b", 4)));
            mirror.advance(new Update(1011, List.of(entry("/c", 1011)), List.of()));
            mirror.advance(new Update(1012, List.of(), List.of("/b")));

            assertThat(mirror.entries()).containsOnlyKeys("/a", "/b", "/c");
            assertThat(mirror.restored()).contains(RESTORED);
            assertThat(mirror.newest("/b")).isEmpty();

            assertThat(mirror.adopt())
                    .contains(new Delta(
                            1012, List.of(new Delta.Put(entry("/c", 1011), entry("/c", 5))), List.of(entry("/b", 4))));
            assertThat(mirror.store()).contains(RESTORED);
            assertThat(mirror.stranger()).isEmpty();
            assertThat(mirror.advance(new Update(1013, List.of(entry("/d", 1013)), List.of())))
                    .isPresent();
        }

        try (Mirror mirror = open()) {
            assertThat(mirror.store()).contains(RESTORED);
            assertThat(mirror.entries()).containsOnlyKeys("/a", "/c", "/d");
        }
    }

    @Test
    void aRestoredStoreIsOnlyAdoptedWhenItsRevisionWasRaised() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3))) {
            mirror.replace(RESTORED, 9, List.of());

            assertThat(mirror.restored()).isEmpty();
            assertThat(mirror.adopt()).isEmpty();
            assertThat(mirror.stranger())
                    .hasValueSatisfying(text -> assertThat(text).contains("--bump-revision"));
        }
    }

    @Test
    void theKnownStoreIsNotLeftForARestoredOneThatWentAgain() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3))) {
            mirror.replace(RESTORED, 1010, List.of());
            mirror.replace(KNOWN, 11, List.of(entry("/a", 3)));

            assertThat(mirror.adopt()).isEmpty();
            assertThat(mirror.store()).contains(KNOWN);
        }
    }

    @Test
    void anEtcdMadeAnewIsAStranger() throws IOException {
        assertStranger(new StoreId("7c1f", 0, 0xdefL), 99, "the store is 7c1f/0/def");
    }

    @Test
    void aStoreWithoutEpochIsAStranger() throws IOException {
        assertStranger(null, 99, "no key 'epoch'");
    }

    @Test
    void aStoreBehindWhatWasSeenIsAStranger() throws IOException {
        assertStranger(KNOWN, 9, "at revision 9, this node has seen 10");
    }

    @Test
    void aStoreWithoutEpochIsAStrangerAlsoToANewNode() throws IOException {
        try (Mirror mirror = open()) {
            assertThat(mirror.replace(null, 5, List.of(entry("/a", 3)))).isEmpty();
            assertThat(mirror.whole()).isFalse();
            assertThat(mirror.stranger()).isPresent();
        }
    }

    @Test
    void whatAStrangerSaysAfterwardsIsNotTakenEither() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3))) {
            mirror.replace(new StoreId("ffff", 0, 0xabcL), 99, List.of());

            assertThat(mirror.advance(new Update(100, List.of(), List.of("/a"))))
                    .isEmpty();
            assertThat(mirror.entries()).containsKey("/a");
        }
    }

    @Test
    void theKnownStoreIsBelievedAgainWhenItIsBack() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3))) {
            mirror.replace(null, 99, List.of());

            assertThat(mirror.replace(KNOWN, 12, List.of())).isPresent();
            assertThat(mirror.stranger()).isEmpty();
            assertThat(mirror.entries()).isEmpty();
        }
    }

    @Test
    void aRevisionThatWasSeenIsNotTakenAgain() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3))) {
            assertThat(mirror.advance(new Update(10, List.of(), List.of("/a")))).isEmpty();
            assertThat(mirror.advance(new Update(11, List.of(), List.of("/a")))).isPresent();
        }
    }

    @Test
    void afterARestartEverythingIsThereAgainAndAStrangerIsStillOne() throws IOException {
        try (Mirror mirror = synced(entry("/a", 3))) {
            mirror.advance(new Update(11, List.of(entry("/b", 11)), List.of()));
        }

        try (Mirror mirror = open()) {
            assertThat(mirror.whole()).isTrue();
            assertThat(mirror.revision()).isEqualTo(11);
            assertThat(mirror.entries()).containsOnlyKeys("/a", "/b");
            assertThat(mirror.replace(KNOWN, 10, List.of())).isEmpty();
            assertThat(mirror.entries()).containsOnlyKeys("/a", "/b");
        }
    }

    @Test
    void whatAFullDiskDidNotTakeIsWrittenWhenItHasRoomAgainAlsoIfNothingChanges() throws IOException {
        var now = new AtomicReference<>(Instant.EPOCH);
        InstantSource clock = now::get;
        Path obstacle = directory.resolve("cluster.state.new");
        try (Mirror mirror =
                Mirror.open("the state", directory.resolve("cluster.state"), clock.withZone(ZoneOffset.UTC))) {
            Files.createDirectory(obstacle);
            mirror.replace(KNOWN, 10, List.of(entry("/a", 3)));
            mirror.force();
            assertThat(mirror.diskFailure()).isPresent();

            Files.delete(obstacle);
            now.set(Instant.EPOCH.plus(Duration.ofMinutes(1)));
            mirror.force();

            assertThat(mirror.diskFailure()).isEmpty();
        }
        try (Mirror mirror = open()) {
            assertThat(mirror.entries()).containsOnlyKeys("/a");
        }
    }

    private void assertStranger(@Nullable StoreId from, long revision, String reason) throws IOException {
        try (Mirror mirror = synced(entry("/a", 3))) {
            Optional<Delta> delta = mirror.replace(from, revision, List.of());

            assertThat(delta).isEmpty();
            assertThat(mirror.entries()).containsKey("/a");
            assertThat(mirror.stranger())
                    .hasValueSatisfying(text -> assertThat(text).contains(reason));
            assertThat(mirror.store()).contains(KNOWN);
        }
    }

    private Mirror synced(Entry... entries) throws IOException {
        Mirror mirror = open();
        mirror.replace(KNOWN, 10, List.of(entries));
        return mirror;
    }

    private Mirror open() throws IOException {
        return Mirror.open("the state", directory.resolve("cluster.state"), Clock.systemUTC());
    }

    private static Entry entry(String key, long modRevision) {
        return new Entry(key, ByteString.copyFromUtf8(key + "@" + modRevision), modRevision);
    }
}
