package io.pilus.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.lab.Answer;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PolicyWriteTest {

    private static final Duration TOOK = Duration.ofMillis(12);

    @Test
    void saysWhereAndHowFastItIsEnforced() {
        PolicyWrite write = PolicyWrite.of(
                answer(200, "{\"outcome\":\"created\",\"revision\":40,\"compiledAt\":41,\"enforced\":[\"n1\",\"n2\"]}"),
                true,
                TOOK);

        assertThat(write.isEnforced()).isTrue();
        assertThat(write.summary()).isEqualTo("created at revision 40, enforced on n1, n2 after 12 ms");
    }

    @Test
    void namesEachNodeThatLagsAndWhy() {
        PolicyWrite write = PolicyWrite.of(
                answer(
                        202,
                        "{\"outcome\":\"updated\",\"revision\":40,\"enforced\":[\"n1\"],\"pending\":[\"n2\"],"
                                + "\"silent\":[{\"node\":\"n3\",\"since\":\"2026-01-01T00:00:00Z\"}],"
                                + "\"refusing\":[{\"node\":\"n4\",\"reason\":\"full\",\"message\":\"the map is full\"}]}"),
                true,
                TOOK);

        assertThat(write.isEnforced()).isFalse();
        assertThat(write.laggards())
                .containsExactly(
                        "n2 is still at it",
                        "n3 is silent since 2026-01-01T00:00:00Z",
                        "n4 refuses it: the map is full");
        assertThat(write.summary()).isEqualTo("updated at revision 40");
    }

    @Test
    void whatIsNotCompiledIsNotEnforced() {
        PolicyWrite write = PolicyWrite.of(answer(202, "{\"outcome\":\"created\",\"revision\":40}"), true, TOOK);

        assertThat(write.isEnforced()).isFalse();
        assertThat(write.laggards()).containsExactly("it is not compiled yet");
    }

    private static Answer answer(int status, String body) {
        return new Answer("PUT /v1/documents", status, Map.of(), body);
    }
}
