package io.pilus.testing.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CaseBookTest {

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    @Test
    void aRowTakesThePlaceOfItsForerunnerAndLeavesTheOthers() throws IOException {
        Path page = directory.resolve("faults.md");
        var book = new CaseBook(page, false);
        book.write(killed(Chapter.STORE, 1));
        book.write(killed(Chapter.OUTAGES, 1));

        book.write(killed(Chapter.OUTAGES, 2000));

        assertThat(Files.readString(page)).contains("""

                ## Outages

                | case | what is done | times | lost | guard, and what was seen without it |
                |---|---|---|---|---|
                | agent killed | by -9 | 2,000 | nothing | pins: all was lost |

                ## The store

                | case | what is done | times | lost | guard, and what was seen without it |
                |---|---|---|---|---|
                | agent killed | by -9 | 1 | nothing | pins: all was lost |
                """);
        assertThat(directory).isDirectoryNotContaining("glob:**.new");
    }

    @Test
    void aPageThatMayNotBeWrittenMustHaveTheRow() throws IOException {
        Path page = directory.resolve("faults.md");
        new CaseBook(page, false).write(killed(Chapter.OUTAGES, 1));
        String before = Files.readString(page);
        var readOnly = new CaseBook(page, true);

        readOnly.write(killed(Chapter.OUTAGES, 2));

        assertThat(page).hasContent(before);
        assertThatThrownBy(() -> readOnly.write(killed(Chapter.STORE, 1)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("has no row 'agent killed' in 'The store'");
    }

    private static FaultCase killed(Chapter chapter, long times) {
        return FaultCase.of(chapter, "agent killed")
                .done("by -9")
                .times(times)
                .lost("nothing")
                .guard("pins: all was lost");
    }
}
