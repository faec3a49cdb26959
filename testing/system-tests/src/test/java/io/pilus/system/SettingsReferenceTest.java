package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.source.tree.AnnotationTree;
import com.sun.source.tree.AssignmentTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ModifiersTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import io.pilus.lab.LabConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;

/** Holds docs/reference/config.md against the sources of all modules, as no module depends on all of them. */
class SettingsReferenceTest {

    private static final Path HOME = LabConfig.named("docs").build().home();
    private static final Pattern MAIN_SOURCE = Pattern.compile("(?!testing/)[^.].*/src/main/java/.*\\.java");
    private static final Pattern ROW = Pattern.compile("\\| `([^`]+)` \\| (.*?) \\| .*");

    @Test
    void everySettingIsOnThePageWithItsDefault() throws IOException {
        Map<String, Optional<String>> settings = settings();
        Map<String, String> rows = rows();

        assertThat(settings).hasSizeGreaterThan(20).containsKeys("pilus.node.leases.idle", "pilus.replica", "prefix");
        assertThat(rows.keySet()).containsAll(settings.keySet());
        settings.forEach((name, value) ->
                value.ifPresent(text -> assertThat(rows.get(name)).as(name).isEqualTo("`" + text + "`")));
    }

    @Test
    void noSettingIsOnThePageThatThereIsNot() throws IOException {
        assertThat(rows().keySet().stream().filter(name -> name.startsWith("pilus.")))
                .isSubsetOf(settings().keySet());
    }

    private static Map<String, String> rows() throws IOException {
        Map<String, String> rows = new TreeMap<>();
        for (String line : Files.readAllLines(HOME.resolve("docs/reference/config.md"))) {
            var row = ROW.matcher(line);
            if (row.matches()) {
                rows.put(row.group(1), row.group(2));
            }
        }
        return rows;
    }

    /** The name of each, and its default where that is a literal. */
    private static Map<String, Optional<String>> settings() throws IOException {
        List<Path> sources;
        try (Stream<Path> files = Files.walk(HOME)) {
            sources = files.filter(file -> MAIN_SOURCE
                            .matcher(HOME.relativize(file).toString())
                            .matches())
                    .filter(SettingsReferenceTest::mayHaveSettings)
                    .toList();
        }
        Map<String, Optional<String>> settings = new TreeMap<>();
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (var files = compiler.getStandardFileManager(null, null, null)) {
            var task = (JavacTask)
                    compiler.getTask(null, files, null, null, null, files.getJavaFileObjectsFromPaths(sources));
            for (CompilationUnitTree unit : task.parse()) {
                unit.getTypeDecls().stream()
                        .filter(ClassTree.class::isInstance)
                        .map(ClassTree.class::cast)
                        .forEach(type -> collect(type, settings));
            }
        }
        return settings;
    }

    private static boolean mayHaveSettings(Path source) {
        try {
            String text = Files.readString(source);
            return Stream.of("@ConfigMapping", "@ConfigProperty", "@ConnectorAttribute")
                    .anyMatch(text::contains);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void collect(ClassTree type, Map<String, Optional<String>> settings) {
        annotations(type.getModifiers(), "ConnectorAttribute")
                .forEach(attribute ->
                        settings.put(argument(attribute, "name").orElseThrow(), argument(attribute, "defaultValue")));
        annotations(type.getModifiers(), "ConfigMapping")
                .forEach(mapping -> collect(type, argument(mapping, "prefix").orElseThrow() + ".", settings));
        methods(type)
                .flatMap(method -> method.getParameters().stream())
                .flatMap(parameter -> annotations(parameter.getModifiers(), "ConfigProperty"))
                .map(property -> argument(property, "name").orElseThrow())
                .filter(name -> name.startsWith("pilus."))
                .forEach(name -> settings.put(name, Optional.empty()));
    }

    private static void collect(ClassTree mapping, String prefix, Map<String, Optional<String>> settings) {
        methods(mapping).forEach(method -> {
            String name = prefix + dashed(method.getName().toString());
            Optional<ClassTree> group = mapping.getMembers().stream()
                    .filter(ClassTree.class::isInstance)
                    .map(ClassTree.class::cast)
                    .filter(inner -> inner.getKind() == Tree.Kind.INTERFACE
                            && inner.getSimpleName()
                                    .contentEquals(method.getReturnType().toString()))
                    .findFirst();
            group.ifPresentOrElse(
                    inner -> collect(inner, name + ".", settings),
                    () -> settings.put(
                            name,
                            annotations(method.getModifiers(), "WithDefault")
                                    .flatMap(preset -> argument(preset, "value").stream())
                                    .findFirst()));
        });
    }

    private static Stream<MethodTree> methods(ClassTree type) {
        return type.getMembers().stream().filter(MethodTree.class::isInstance).map(MethodTree.class::cast);
    }

    private static Stream<? extends AnnotationTree> annotations(ModifiersTree modifiers, String name) {
        return modifiers.getAnnotations().stream()
                .filter(annotation -> annotation.getAnnotationType().toString().equals(name));
    }

    /** Empty when there is none, or it is no literal. */
    private static Optional<String> argument(AnnotationTree annotation, String name) {
        for (ExpressionTree argument : annotation.getArguments()) {
            if (argument instanceof AssignmentTree assignment
                    && assignment.getVariable().toString().equals(name)
                    && assignment.getExpression() instanceof LiteralTree literal) {
                return Optional.of(String.valueOf(literal.getValue()));
            }
            if (argument instanceof LiteralTree literal && name.equals("value")) {
                return Optional.of(String.valueOf(literal.getValue()));
            }
        }
        return Optional.empty();
    }

    private static String dashed(String name) {
        return name.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }
}
