package io.pilus.testing.cases;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The page docs/reference/faults.md. Each test writes its row when it has passed. With CI set nothing is written; a row that the
 * page lacks is an error then.
 */
public final class CaseBook {

    private static final String HEAD = """
            # Faults

            What the tests do to Pilus, and what it lost. Each row was written by the test that ran it (`./pilus test` writes them anew); the last
            column says what the test showed once, when the guard was taken out of the code.
            """;
    private static final String COLUMNS =
            "| case | what is done | times | lost | guard, and what was seen without it |";
    private static final String RULE = "|---|---|---|---|---|";

    private final Path page;
    private final boolean readOnly;

    CaseBook(Path page, boolean readOnly) {
        this.page = page;
        this.readOnly = readOnly;
    }

    /** Of the source tree that holds the working directory. */
    public static CaseBook open() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            if (Files.exists(at.resolve("pilus")) && Files.isDirectory(at.resolve("docs/reference"))) {
                return new CaseBook(at.resolve("docs/reference/faults.md"), System.getenv("CI") != null);
            }
        }
        throw new IllegalStateException("this is not inside Pilus' source tree");
    }

    /**
     * Writes the case's row, in place of the one that it has.
     *
     * @throws AssertionError when the page may not be written and has no such row
     */
    public void write(FaultCase passed) {
        // tests of two modules may run at once
        try (FileChannel channel = FileChannel.open(
                        page.resolveSibling(".faults.lock"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.DELETE_ON_CLOSE);
                var _ = channel.lock()) {
            Map<Chapter, Map<String, String>> rows = read();
            boolean known =
                    rows.computeIfAbsent(passed.chapter(), _ -> new TreeMap<>()).put(passed.what(), passed.row())
                            != null;
            if (!readOnly) {
                Path fresh = page.resolveSibling(".faults.md.new");
                Files.writeString(fresh, text(rows));
                Files.move(fresh, page, StandardCopyOption.ATOMIC_MOVE);
            } else if (!known) {
                throw new AssertionError(page + " has no row '" + passed.what() + "' in '"
                        + passed.chapter().title() + "': run this test once without CI set, and commit the page");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Map<Chapter, Map<String, String>> read() throws IOException {
        Map<Chapter, Map<String, String>> rows = new TreeMap<>();
        for (Chapter chapter : Chapter.values()) {
            rows.put(chapter, new TreeMap<>());
        }
        Map<String, String> current = new TreeMap<>();
        for (String line : Files.exists(page) ? Files.readAllLines(page) : List.<String>of()) {
            if (line.startsWith("## ")) {
                current = chapter(rows, line.substring(3));
            } else if (line.startsWith("| ") && !line.equals(COLUMNS)) {
                current.put(line.split(" \\| ", -1)[0].substring(2), line);
            }
        }
        return rows;
    }

    private static Map<String, String> chapter(Map<Chapter, Map<String, String>> rows, String title) {
        return rows.entrySet().stream()
                .filter(entry -> entry.getKey().title().equals(title))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElseGet(TreeMap::new);
    }

    private static String text(Map<Chapter, Map<String, String>> rows) {
        List<String> lines = new ArrayList<>(List.of(HEAD.strip()));
        rows.forEach((chapter, cases) -> {
            if (!cases.isEmpty()) {
                lines.addAll(List.of("", "## " + chapter.title(), "", COLUMNS, RULE));
                lines.addAll(cases.values());
            }
        });
        return String.join("\n", lines) + "\n";
    }
}
