package io.pilus.node.state;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.pilus.etcd.StoreId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateLogTest {

    private static final StoreId STORE = new StoreId("7c1f", 2, 0xabcL);

    @TempDir
    Path directory;

    @Test
    void aNewFileHasNothingAndWantsASnapshot() throws IOException {
        try (StateLog log = open().log()) {
            assertThat(log.wantsSnapshot()).isTrue();
            assertThatThrownBy(() -> log.append(new Update(1, List.of(), List.of())))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("no snapshot");
        }
    }

    @Test
    void whatWasWrittenIsReadBack() throws IOException {
        write(3);

        StateLog.Recovered recovered = recover();

        assertThat(recovered.store()).isEqualTo(STORE);
        assertThat(recovered.revision()).isEqualTo(13);
        assertThat(recovered.entries()).isEqualTo(stateAt(3));
    }

    @Test
    void whereverTheFileIsCutTheStateOfAnEarlierRevisionIsLeft() throws IOException {
        List<Long> ends = List.of(write(0), write(1), write(2), write(3), write(4));
        byte[] all = Files.readAllBytes(file());

        for (int cut = all.length; cut >= 0; cut--) {
            int length = cut;
            Files.write(file(), Arrays.copyOf(all, length));

            StateLog.Recovered recovered = recover();

            if (length < ends.getFirst()) {
                assertThat(recovered.entries()).as("cut to %d bytes", length).isNull();
            } else {
                int whole = (int) ends.stream().filter(end -> end <= length).count() - 1;
                assertThat(recovered.revision()).as("cut to %d bytes", length).isEqualTo(10 + whole);
                assertThat(recovered.entries()).as("cut to %d bytes", length).isEqualTo(stateAt(whole));
            }
        }
    }

    @Test
    void aByteGoneBadCostsOnlyWhatFollows() throws IOException {
        long snapshotEnd = write(0);
        write(4);
        byte[] whole = Files.readAllBytes(file());

        for (int at = (int) snapshotEnd; at < whole.length; at++) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 0x10;
            Files.write(file(), damaged);

            StateLog.Recovered recovered = recover();

            assertThat(recovered.revision()).as("byte %d", at).isBetween(10L, 13L);
            assertThat(recovered.entries()).as("byte %d", at).isEqualTo(stateAt((int) recovered.revision() - 10));
        }
    }

    @Test
    void afterACutTheLogGoesOn() throws IOException {
        write(2);
        byte[] whole = Files.readAllBytes(file());
        Files.write(file(), Arrays.copyOf(whole, whole.length - 3));

        try (StateLog log = open().log()) {
            log.append(revision(2));
        }

        assertThat(recover().entries()).isEqualTo(stateAt(2));
    }

    @Test
    void aDamagedSnapshotStillSaysWhichStoreItWas() throws IOException {
        long snapshotEnd = write(0);
        byte[] whole = Files.readAllBytes(file());
        whole[(int) snapshotEnd - 1] ^= 1;
        Files.write(file(), whole);

        StateLog.Recovered recovered = recover();

        assertThat(recovered.store()).isEqualTo(STORE);
        assertThat(recovered.revision()).isEqualTo(10);
        assertThat(recovered.entries()).isNull();
    }

    @Test
    void anAbandonedSnapshotIsNoMatter() throws IOException {
        write(1);
        Files.writeString(directory.resolve("cluster.state.new"), "half a snap");

        assertThat(recover().entries()).isEqualTo(stateAt(1));
        assertThat(directory.resolve("cluster.state.new")).doesNotExist();
    }

    @Test
    void revisionsThatOutweighTheSnapshotAskForANewOne() throws IOException {
        write(0);
        try (StateLog log = open().log()) {
            assertThat(log.wantsSnapshot()).isFalse();
            var large = new Entry("/large", ByteString.copyFrom(new byte[5 << 20]), 20);
            log.append(new Update(20, List.of(large), List.of()));

            assertThat(log.wantsSnapshot()).isTrue();

            log.snapshot(STORE, 20, List.of());
            assertThat(log.wantsSnapshot()).isFalse();
        }
        assertThat(Files.size(file())).isLessThan(200);
    }

    /** A snapshot at revision 10, then revisions 11, 12, ...; returns the file's length. */
    private long write(int revisions) throws IOException {
        Files.deleteIfExists(file());
        try (StateLog log = open().log()) {
            log.snapshot(STORE, 10, stateAt(0).values());
            for (int i = 1; i <= revisions; i++) {
                log.append(revision(i));
            }
        }
        return Files.size(file());
    }

    private static Update revision(int number) {
        List<Entry> puts = new ArrayList<>();
        puts.add(entry("/new/" + number, 10 + number));
        puts.add(entry("/kept", 10 + number));
        return new Update(10 + number, puts, List.of("/goes/" + number));
    }

    private static Map<String, Entry> stateAt(int revisions) {
        Map<String, Entry> state = new TreeMap<>();
        put(state, entry("/kept", 5));
        for (int i = 1; i <= 4; i++) {
            put(state, entry("/goes/" + i, 6));
        }
        for (int i = 1; i <= revisions; i++) {
            revision(i).puts().forEach(put -> put(state, put));
            revision(i).gone().forEach(state::remove);
        }
        return state;
    }

    private static void put(Map<String, Entry> state, Entry entry) {
        state.put(entry.key(), entry);
    }

    private static Entry entry(String key, long modRevision) {
        return new Entry(key, ByteString.copyFrom((key + "@" + modRevision).getBytes(UTF_8)), modRevision);
    }

    private StateLog.Recovered recover() throws IOException {
        StateLog.Opened opened = open();
        opened.log().close();
        return opened.recovered();
    }

    private StateLog.Opened open() throws IOException {
        return StateLog.open(file());
    }

    private Path file() {
        return directory.resolve("cluster.state");
    }
}
