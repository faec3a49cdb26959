package io.pilus.policy.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.rest.ProblemException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SourcesTest {

    @Test
    void severalDocumentsMayStandInOneBody() {
        assertThat(Sources.yaml(bytes("a: 1\n---\n---\nb: x\n")))
                .map(Object::toString)
                .containsExactly("{\"a\":1}", "{\"b\":\"x\"}");
        assertThat(Sources.json(bytes("{\"a\":1}\n{\"b\":\"x\"}"))).hasSize(2);
        assertThat(Sources.yaml(bytes(""))).isEmpty();
    }

    @Test
    void scalarsAreWhatYamlSays() {
        assertThat(Sources.yaml(bytes("{a: yes, b: 'yes', c: ~, d: 2001-01-01, e: 1.5, f: -3}"))
                        .getFirst())
                .hasToString("{\"a\":true,\"b\":\"yes\",\"c\":null,\"d\":\"2001-01-01\",\"e\":1.5,\"f\":-3}");
    }

    @Test
    void anAliasStandsForWhatItNames() {
        assertThat(Sources.yaml(bytes("a: &x [1, 2]\nb: *x\n")).getFirst()).hasToString("{\"a\":[1,2],\"b\":[1,2]}");
    }

    @Test
    void malformedYamlIsRefusedWithItsPlace() {
        assertThatThrownBy(() -> Sources.yaml(bytes("a: 1\nb: [2\nc: 3\n")))
                .isInstanceOfSatisfying(ProblemException.class, problem -> {
                    assertThat(problem.type()).isEqualTo("urn:pilus:problem:malformed-yaml");
                    assertThat(problem.detail()).contains("line 3, column 2");
                });
    }

    @Test
    void malformedJsonIsRefusedWithItsPlace() {
        assertThatThrownBy(() -> Sources.json(bytes("{\"a\":\n1,,}")))
                .isInstanceOfSatisfying(ProblemException.class, problem -> {
                    assertThat(problem.type()).isEqualTo("urn:pilus:problem:malformed-json");
                    assertThat(problem.detail()).contains("line 2");
                });
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a: 1\na: 2\n",
                "a: &x {b: *x}\n",
                "a: !!java.net.URL [http://localhost]\n",
                "a: !secret x\n",
                "base: &b {c: 1}\na: {<<: *b}\n",
                "? [a]\n: b\n",
                "a: 0x1f\n",
                "- a\n",
                "just text\n",
                "a: \"\\xZZ\"\n",
                "a: \t- b\n\tc: d\n"
            })
    void whatCouldBeReadInTwoWaysIsRefused(String yaml) {
        assertThatThrownBy(() -> Sources.yaml(bytes(yaml))).isInstanceOf(ProblemException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"a\":1,\"a\":2}", "[1]", "{'a':1}", "{\"a\":1} x", "{\"a\":NaN}", "nul"})
    void jsonIsNoLooser(String json) {
        assertThatThrownBy(() -> Sources.json(bytes(json))).isInstanceOf(ProblemException.class);
    }

    @Test
    void aliasesThatMultiplyAreStopped() {
        StringBuilder bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 12; i++) {
            bomb.append("a%d: &a%d [".formatted(i, i));
            bomb.append(("*a" + (i - 1) + ", ").repeat(9))
                    .append("*a")
                    .append(i - 1)
                    .append("]\n");
        }

        assertThatThrownBy(() -> Sources.yaml(bytes(bomb.toString()))).isInstanceOf(ProblemException.class);
    }

    @Test
    void depthIsBounded() {
        assertThatThrownBy(() -> Sources.yaml(bytes("a: " + "[".repeat(5000) + "]".repeat(5000))))
                .isInstanceOf(ProblemException.class);
        assertThatThrownBy(() -> Sources.json(bytes("{\"a\":" + "[".repeat(5000) + "]".repeat(5000) + "}")))
                .isInstanceOf(ProblemException.class);
    }

    @Test
    void bytesThatAreNoCharactersAreRefused() {
        assertThatThrownBy(() -> Sources.yaml(new byte[] {'a', ':', ' ', (byte) 0xff}))
                .isInstanceOf(ProblemException.class)
                .hasMessageContaining("UTF-8");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}
