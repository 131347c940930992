/* SPDX-License-Identifier: Apache-2.0
 * A program under test: a counter that reads a card and its tries, through the terminal's driver.
 *   cc counter.c -I. -L. -lSSCardDriver -Wl,-rpath,. -o counter
 */
#include <stdio.h>
#include <string.h>

#include "SSCardDriver.h"

int main(void) {
    char information[2048] = "";
    long code = iReadCardBas(1, information);

    if (code != 0) {
        printf("refused %ld\n", code);
        return 1;
    }
    /* 9 fields, each ends with |: 发卡地区行政区划代码 | 社会保障号码 | 卡号 | 卡识别码 | 姓名 | ... */
    char *field = strtok(information, "|");
    for (int number = 1; field != NULL && number <= 5; number++) {
        if (number == 3)
            printf("card number %s\n", field);
        if (number == 5)
            printf("name %s\n", field);
        field = strtok(NULL, "|");
    }
    return 0;
}
