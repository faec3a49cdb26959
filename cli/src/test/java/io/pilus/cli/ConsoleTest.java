package io.pilus.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ConsoleTest {

    @Test
    void whatTakesLongerThanASecondIsTold() {
        var told = new CompletableFuture<Boolean>();
        var err = new ByteArrayOutputStream() {
            @Override
            public void flush() {
                if (toString(UTF_8).endsWith("\n")) {
                    told.complete(true);
                }
            }
        };

        new Console(System.out, new PrintStream(err, true, UTF_8)).during("removing the cluster", told::join);

        assertThat(err.toString(UTF_8)).contains("removing the cluster ...");
    }
}
