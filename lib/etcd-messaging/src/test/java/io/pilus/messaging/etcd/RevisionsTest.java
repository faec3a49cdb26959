package io.pilus.messaging.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.messaging.etcd.wire.Event;
import io.pilus.messaging.etcd.wire.KeyValue;
import io.pilus.messaging.etcd.wire.WatchResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class RevisionsTest {

    @Test
    void holdsARevisionBackUntilItsLastFragment() {
        var revisions = new Revisions(0);

        assertThat(revisions.add(response(true, 5, 5))).isEmpty();
        assertThat(revisions.isWhole()).isFalse();
        assertThat(revisions.add(response(true, 5, 6)))
                .singleElement()
                .satisfies(whole -> assertThat(whole.events()).hasSize(3));
        assertThat(revisions.add(response(false, 6)))
                .singleElement()
                .satisfies(whole -> assertThat(whole.events()).hasSize(2));
        assertThat(revisions.isWhole()).isTrue();
    }

    @Test
    void tellsSeveralRevisionsInOneResponseApart() {
        assertThat(new Revisions(0).add(response(false, 3, 3, 7, 9, 9)))
                .extracting(EtcdChange.Revision::revision)
                .containsExactly(3L, 7L, 9L);
    }

    @Test
    void refusesHistoryThatGoesBack() {
        assertThatThrownBy(() -> new Revisions(4).add(response(false, 4))).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> new Revisions(0).add(response(false, 5, 4))).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void isIndifferentToWhereEtcdCuts() {
        long seed = new Random().nextLong();
        var random = new Random(seed);
        for (int round = 0; round < 500; round++) {
            var expected = new TreeMap<Long, Integer>();
            List<Long> events = new ArrayList<>();
            for (long revision = 1; revision <= 20; revision++) {
                int count = random.nextInt(4);
                for (int i = 0; i < count; i++) {
                    events.add(revision);
                    expected.merge(revision, 1, Integer::sum);
                }
            }

            var revisions = new Revisions(0);
            var seen = new TreeMap<Long, Integer>();
            for (int from = 0; from < events.size(); ) {
                int to = Math.min(events.size(), from + 1 + random.nextInt(6));
                boolean more = to < events.size();
                revisions
                        .add(response(
                                more,
                                events.subList(from, to).stream()
                                        .mapToLong(Long::longValue)
                                        .toArray()))
                        .forEach(whole -> assertThat(seen.put(
                                        whole.revision(), whole.events().size()))
                                .as("seed %d", seed)
                                .isNull());
                from = to;
            }

            assertThat(seen).as("seed %d, round %d", seed, round).isEqualTo(expected);
        }
    }

    private static WatchResponse response(boolean fragment, long... revisions) {
        var response = WatchResponse.newBuilder().setFragment(fragment);
        for (long revision : revisions) {
            response.addEvents(Event.newBuilder()
                    .setKv(KeyValue.newBuilder()
                            .setKey(EtcdConnection.bytes("k"))
                            .setModRevision(revision)));
        }
        return response.build();
    }
}
