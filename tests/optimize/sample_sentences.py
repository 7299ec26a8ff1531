"""Sentences in many scripts, written for these tests: the material that no standard library brings along."""

# ruff: noqa: RUF001 - the point is that they look alike

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final[dict[str, tuple[str, ...]]] = {
    "arabic": (
        "وصل القطار إلى المحطة متأخرا نصف ساعة بسبب العاصفة التي ضربت المدينة ليلة أمس.",
        "سألت الطفلة جدها لماذا تتغير ألوان الأوراق في الخريف، فابتسم وأخذ يشرح لها ببطء.",
        "يجب حفظ نسخة احتياطية من الملفات قبل تحديث البرنامج، وإلا فقد تضيع بعض البيانات.",
        "في السوق القديم رائحة القهوة والبهارات تملأ الأزقة الضيقة منذ الصباح الباكر.",
        "ستعقد اللجنة اجتماعها القادم يوم الثلاثاء في الساعة العاشرة لمناقشة الميزانية الجديدة.",
    ),
    "armenian": (
        "Այսօր առավոտյան լեռների վրա ձյուն եկավ, իսկ ձորում դեռ ծաղկում են ծիրանենիները։",
        "Գրադարանավարը ցույց տվեց հին քարտեզը և պատմեց, թե ինչպես է փոխվել քաղաքը։",
        "Խնդրում եմ ստուգեք միացումը և նորից փորձեք մի քանի րոպե անց։",
        "Երեխաները գետի ափին քարերով փոքրիկ կամուրջ կառուցեցին։",
    ),
    "bengali": (
        "আজ সকালে নদীর ধারে হাঁটতে গিয়ে একজন পুরোনো বন্ধুর সঙ্গে দেখা হয়ে গেল।",
        "বৃষ্টির জন্য ট্রেন দেরিতে এসেছে, তাই সভা এক ঘণ্টা পরে শুরু হবে।",
        "নতুন সংস্করণ বসানোর আগে সব নথির একটি অনুলিপি রেখে দিন।",
        "দিদিমা রান্নাঘরে বসে গল্প বলতেন আর আমরা চুপ করে শুনতাম।",
        "বাজারে এখন আম আর লিচুর দাম অনেক কমে গেছে।",
    ),
    "chinese": (
        "昨天晚上的暴风雨使得火车晚点了半个小时，许多旅客只好在车站里等候。",
        "更新软件之前请先备份重要的文件，否则一旦安装失败，数据可能无法恢复。",
        "爷爷在院子里种了两棵桃树，每到春天，满院子都是花香。",
        "会议改到星期二上午十点举行，主要讨论明年的预算和人员安排。",
        "这家小店虽然不大，但是咖啡很香，窗边的座位还能看到整条河。",
    ),
    "chinese_traditional": (
        "圖書館員拿出一張老地圖，指著河邊說，這裡從前是一個熱鬧的碼頭。",
        "如果連線逾時，請檢查網路設定，稍後再試一次。",
        "孩子們在海邊撿了許多貝殼，打算回家以後做成一串風鈴。",
        "醫生建議他每天散步三十分鐘，並且少喝一點咖啡。",
    ),
    "french": (
        "Le train est arrivé avec une demi-heure de retard à cause de l'orage qui a frappé la ville hier soir.",
        "Avant de mettre à jour le logiciel, pensez à sauvegarder vos fichiers les plus précieux.",
        "Ma grand-mère gardait dans une boîte en fer les lettres qu'elle avait reçues pendant la guerre.",
        "La réunion aura lieu mardi à dix heures ; nous y parlerons du budget et des congés d'été.",
        "Dès l'aube, l'odeur du café et du pain chaud remplissait les ruelles de la vieille ville.",
    ),
    "georgian": (
        "დილით მთებში თოვლი მოვიდა, ხეობაში კი ნუშის ხეები უკვე ყვავის.",
        "ბიბლიოთეკარმა ძველი რუკა გვაჩვენა და გვიამბო, როგორ შეიცვალა ქალაქი.",
        "გთხოვთ, შეამოწმოთ კავშირი და სცადოთ ხელახლა რამდენიმე წუთში.",
        "ბავშვებმა მდინარის პირას ქვებისგან პატარა ხიდი ააშენეს.",
    ),
    "german": (
        "Der Zug kam wegen des Unwetters, das gestern Abend über die Stadt zog, eine halbe Stunde zu spät an.",
        "Bevor Sie die neue Fassung einspielen, sichern Sie bitte alle Dateien auf einem zweiten Datenträger.",
        "Großvater hat im Garten zwei Pfirsichbäume gepflanzt, die jedes Frühjahr üppig blühen.",
        "Die Sitzung findet am Dienstag um zehn Uhr statt; besprochen werden Haushalt und Urlaubsplanung.",
        "Überraschenderweise fiel die Messung trotz der störanfälligen Geräte außerordentlich genau aus.",
    ),
    "greek": (
        "Το τρένο έφτασε στον σταθμό με μισή ώρα καθυστέρηση εξαιτίας της χθεσινής καταιγίδας.",
        "Πριν από την ενημέρωση του προγράμματος, κρατήστε ένα αντίγραφο όλων των αρχείων σας.",
        "Ο παππούς φύτεψε στην αυλή δύο ροδακινιές που ανθίζουν κάθε άνοιξη.",
        "Η συνάντηση μεταφέρθηκε για την Τρίτη στις δέκα, επειδή λείπει η διευθύντρια.",
        "Από νωρίς το πρωί τα στενά σοκάκια μύριζαν καφέ και φρέσκο ψωμί.",
    ),
    "hebrew": (
        "הרכבת הגיעה לתחנה באיחור של חצי שעה בגלל הסערה שהייתה אתמול בערב.",
        "לפני שמעדכנים את התוכנה כדאי לשמור עותק של כל הקבצים החשובים.",
        "סבא שתל בחצר שני עצי אפרסק, ובכל אביב הם פורחים בוורוד.",
        "הישיבה נדחתה ליום שלישי בשעה עשר, ונדבר בה על התקציב החדש.",
        "כבר עם שחר מילא ריח הקפה והלחם החם את סמטאות העיר העתיקה.",
    ),
    "hindi": (
        "कल रात के तूफ़ान के कारण रेलगाड़ी आधे घंटे की देरी से स्टेशन पहुँची।",
        "कार्यक्रम को अद्यतन करने से पहले अपनी सभी ज़रूरी फ़ाइलों की प्रति बना लें।",
        "दादाजी ने आँगन में आड़ू के दो पेड़ लगाए थे, जो हर वसंत में फूलों से भर जाते हैं।",
        "बैठक अब मंगलवार को सुबह दस बजे होगी, जिसमें नए बजट पर चर्चा की जाएगी।",
        "सुबह होते ही पुराने बाज़ार की गलियाँ चाय और मसालों की महक से भर जाती हैं।",
    ),
    "japanese": (
        "昨夜の嵐の影響で、列車は駅に三十分遅れて到着した。",
        "ソフトウェアを更新する前に、大切なファイルのバックアップを必ず取ってください。",
        "祖父が庭に植えた二本の桃の木は、毎年春になるときれいな花を咲かせます。",
        "会議は火曜日の午前十時に変更され、来年度の予算について話し合う予定です。",
        "朝早くから、古い町の細い路地にはコーヒーと焼きたてのパンの香りが漂っていた。",
    ),
    "korean": (
        "어젯밤 폭풍우 때문에 기차가 역에 삼십 분 늦게 도착했다.",
        "프로그램을 업데이트하기 전에 중요한 파일을 반드시 백업해 두세요.",
        "할아버지가 마당에 심은 복숭아나무 두 그루는 봄마다 꽃을 활짝 피운다.",
        "회의는 화요일 오전 열 시로 옮겨졌고, 내년 예산을 논의할 예정입니다.",
        "이른 아침부터 오래된 골목에는 커피와 갓 구운 빵 냄새가 가득했다.",
    ),
    "persian": (
        "قطار به خاطر توفان دیشب با نیم ساعت تأخیر به ایستگاه رسید.",
        "پیش از به‌روزرسانی برنامه، از همهٔ پرونده‌های مهم خود نسخهٔ پشتیبان بگیرید.",
        "پدربزرگ در حیاط دو درخت هلو کاشته است که هر بهار پر از شکوفه می‌شوند.",
        "جلسه به سه‌شنبه ساعت ده موکول شد و دربارهٔ بودجهٔ سال آینده گفت‌وگو خواهیم کرد.",
    ),
    "polish": (
        "Pociąg przyjechał na stację z półgodzinnym opóźnieniem z powodu wczorajszej burzy.",
        "Przed aktualizacją programu proszę wykonać kopię zapasową wszystkich ważnych plików.",
        "Dziadek posadził w ogrodzie dwie brzoskwinie, które co roku wiosną pięknie kwitną.",
        "Zebranie przełożono na wtorek na dziesiątą; będziemy rozmawiać o przyszłorocznym budżecie.",
        "Już o świcie wąskie uliczki starego miasta pachniały kawą i świeżym chlebem.",
    ),
    "portuguese": (
        "O trem chegou à estação com meia hora de atraso por causa da tempestade de ontem à noite.",
        "Antes de atualizar o programa, não se esqueça de guardar uma cópia dos arquivos importantes.",
        "O avô plantou dois pessegueiros no quintal, e toda primavera eles se enchem de flores.",
        "A reunião ficou para terça-feira às dez horas; vamos discutir o orçamento e as férias.",
    ),
    "russian": (
        "Поезд пришёл на станцию с получасовым опозданием из-за вчерашней грозы.",
        "Перед обновлением программы обязательно сохраните резервную копию всех важных файлов.",
        "Дедушка посадил во дворе два персиковых дерева, которые каждую весну пышно цветут.",
        "Собрание перенесли на вторник на десять часов, обсуждать будут бюджет на следующий год.",
        "С самого рассвета узкие улочки старого города наполнялись запахом кофе и свежего хлеба.",
    ),
    "spanish": (
        "El tren llegó a la estación con media hora de retraso por culpa de la tormenta de anoche.",
        "Antes de actualizar el programa, guarde una copia de todos los archivos que le importen.",
        "El abuelo plantó en el patio dos melocotoneros que florecen cada primavera.",
        "La reunión se ha aplazado al martes a las diez; hablaremos del presupuesto y de las vacaciones.",
        "¿Quién habría pensado que aquella pequeña librería seguiría abierta tantos años después?",
    ),
    "tamil": (
        "நேற்று இரவு பெய்த மழையால் தொடர்வண்டி அரை மணி நேரம் தாமதமாக வந்தது.",
        "மென்பொருளைப் புதுப்பிக்கும் முன் முக்கியமான கோப்புகளின் நகலை எடுத்து வையுங்கள்.",
        "தாத்தா முற்றத்தில் நட்ட இரண்டு மாமரங்கள் ஒவ்வொரு ஆண்டும் காய்க்கின்றன.",
        "கூட்டம் செவ்வாய்க்கிழமை காலை பத்து மணிக்கு நடைபெறும்.",
    ),
    "thai": (
        "รถไฟมาถึงสถานีช้าไปครึ่งชั่วโมงเพราะพายุเมื่อคืนนี้",
        "ก่อนปรับปรุงโปรแกรมควรสำรองไฟล์สำคัญไว้ทุกครั้ง",
        "คุณปู่ปลูกต้นมะม่วงไว้สองต้นในสวนหลังบ้าน และทุกปีก็ออกผลเต็มต้น",
        "การประชุมเลื่อนไปเป็นวันอังคารเวลาสิบโมงเช้าเพื่อหารือเรื่องงบประมาณปีหน้า",
    ),
    "turkish": (
        "Dün geceki fırtına yüzünden tren istasyona yarım saat gecikmeyle ulaştı.",
        "Programı güncellemeden önce önemli dosyalarınızın bir yedeğini almayı unutmayın.",
        "Dedem bahçeye iki şeftali ağacı dikmişti; her ilkbaharda çiçeklerle dolup taşarlar.",
        "Toplantı salı günü saat ona ertelendi, gelecek yılın bütçesini konuşacağız.",
        "Sabahın erken saatlerinden beri eski çarşının dar sokakları kahve ve ekmek kokuyordu.",
    ),
    "ukrainian": (
        "Потяг прибув на станцію із запізненням на пів години через учорашню грозу.",
        "Перед оновленням програми обов'язково збережіть копію всіх важливих файлів.",
        "Дідусь посадив на подвір'ї дві яблуні, які щовесни рясно цвітуть.",
        "Збори перенесли на вівторок на десяту годину, говоритимемо про кошти на наступний рік.",
    ),
    "vietnamese": (
        "Tàu đến ga trễ nửa tiếng vì cơn bão đêm qua đã làm đổ nhiều cây ven đường.",
        "Trước khi cập nhật chương trình, hãy sao lưu tất cả các tệp quan trọng của bạn.",
        "Ông nội trồng hai cây đào trước sân, mỗi độ xuân về hoa lại nở rực rỡ.",
        "Cuộc họp được dời sang mười giờ sáng thứ ba để bàn về ngân sách năm tới.",
    ),
    "chat": (
        "ok 👍 see you @ 10:30, bring the laptop 💻 + the charger pls!!",
        "haha no way 😂😂 the demo crashed twice and then it just… worked?? 🎉",
        "→ step 1: pull the branch ✅ → step 2: run the tests ✅ → step 3: coffee ☕️",
        "temp: −3.5 °C … wind ≈ 12 m/s, so bring gloves 🧤 & a hat 🧢",
    ),
}
"""Sentences by script or language."""
