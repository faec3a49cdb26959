package io.pilus.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class OptionsTest {

    private static final Path HOME = Path.of("/src");

    @Test
    void withoutArgumentsAllGatesRunForAMedianWorthRecording() {
        Options options = parse();

        assertThat(options)
                .isEqualTo(
                        new Options(List.of(), 11, false, HOME.resolve("testing/benchmarks/target/bench.json"), false));
    }

    @Test
    void gatesAndOptionsMayBeMixed() {
        Options options = parse("D1", "--record", "--json", "out.json", "C4", "--rounds", "21");

        assertThat(options.gates()).containsExactly("D1", "C4");
        assertThat(options.record()).isTrue();
        assertThat(options.rounds()).isEqualTo(21);
        assertThat(options.json()).isEqualTo(Path.of("out.json"));
    }

    @Test
    void whatIsWrongIsSaid() {
        assertThatThrownBy(() -> parse("--fast")).hasMessageContaining("'--fast'");
        assertThatThrownBy(() -> parse("--rounds")).hasMessageContaining("--rounds wants a value");
        assertThatThrownBy(() -> parse("--rounds", "none")).hasMessageContaining("'none'");
        assertThatThrownBy(() -> parse("--rounds", "0")).hasMessageContaining("above 0");
        assertThatThrownBy(() -> parse("--record", "--rounds", "3")).hasMessageContaining("at least 11 rounds");
    }

    private static Options parse(String... arguments) {
        return Options.parse(arguments, HOME);
    }
}
