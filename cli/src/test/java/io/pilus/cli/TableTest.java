package io.pilus.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TableTest {

    @Test
    void makesEachColumnAsWideAsItsWidestCell() {
        Table table = new Table("A", "HEADING", "C");
        table.row("long", "x", "");
        table.row("", "y", "z");

        assertThat(table.lines()).containsExactly("A      HEADING   C", "long   x", "       y         z");
    }

    @Test
    void refusesARowThatDoesNotFitTheHeadings() {
        assertThatThrownBy(() -> new Table("A").row("1", "2")).isInstanceOf(IllegalArgumentException.class);
    }
}
