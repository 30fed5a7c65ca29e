# Script (cmake -DHEADERS=FOLDER -DOUTPUT=FILE -P): writes the version script of the shared library, which exports
# exactly the functions that the public headers declare. Nothing has to be marked in the sources; the test
# rules_exports compares the result with the headers once more, through the compiler.
file(GLOB headers ${HEADERS}/*.h ${HEADERS}/sys/*.h)
set(names)
foreach(header ${headers})
  file(READ ${header} text)
  string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" text "${text}")
  string(REGEX MATCHALL "kr_[a-z0-9_]+ *\\(" found "${text}")
  list(APPEND names ${found})
endforeach()
list(TRANSFORM names REPLACE " *\\(" "")
list(REMOVE_DUPLICATES names)
list(SORT names)
list(JOIN names ";\n    " body)
file(WRITE ${OUTPUT} "KRAMERS {\n  global:\n    ${body};\n  local:\n    *;\n};\n")
